/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the certificate cmdlets, which are on the administrator's machine: what is imported is read here, requests and exported certificates are
 * written here. */
#include "base/crypt.h"
#include "model/sealed.h"
#include "os/file.h"
#include "prog/witan/console.h"
#include "service/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *cmdlet, *parameter; /* names a file that is written */
	const char *property;           /* of the answer */
	bool is_bytes;                  /* sealed_bytes; else a text */
} written[] = {
	{ "Request-CsCertificate", "Output", "Request", false },
	{ "Export-CsCertificate", "Path", "Content", true },
};

/* Those that take a file along. */
static const char *const taken[] = { "Import-CsCertificate", "Import-CsKerberosKeytab", "Import-CsUserPhoto" };

static err read_content(json_t *parameters, struct diag *d)
{
	const json_t *path = json_object_get(parameters, "Path");
	struct buf file DEFER(cert_wipe) = { 0 };
	if (!json_is_string(path))
		return OK; /* the server says that it is missing */
	TRY(file_read(AT_FDCWD, json_string_value(path), CERT_ANSWER_MAX, &file, d));
	return json_object_set_new(parameters, "Content", sealed_bytes(file.p != NULL ? file.p : "", file.n)) == 0 ? OK : ERR(NO_MEMORY);
}

err certificate_before(const char *cmdlet, json_t *parameters, str *name, struct diag *d)
{
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (strcmp(cmdlet, taken[i]) == 0)
			return read_content(parameters, d);
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		const json_t *file = json_object_get(parameters, written[i].parameter);
		if (strcmp(cmdlet, written[i].cmdlet) != 0 || !json_is_string(file))
			continue;
		*name = (str){ json_string_value(file), json_string_length(file) };
		if (access(json_string_value(file), F_OK) == 0)
			return diag_fail(d, ERR(EXISTS), written[i].parameter, "choose another name", "there is a file %.100s already", json_string_value(file));
	}
	return OK;
}

static err write_file(const char *path, str content, struct diag *d)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int reason = fd < 0 ? errno : 0;
	while (reason == 0 && content.n != 0) {
		ssize_t n = write(fd, content.p, content.n);
		if (n < 0 && errno != EINTR)
			reason = errno;
		content = str_cut(content, n > 0 ? (size_t)n : 0, content.n);
	}
	if (reason == 0 && fsync(fd) != 0)
		reason = errno;
	if (fd >= 0)
		(void)close(fd);
	if (reason == 0)
		return OK;
	if (fd >= 0)
		(void)unlink(path);
	return diag_fail(d, reason == EEXIST ? ERR(EXISTS) : ERR(SYSTEM), path, "Get-CsCertificate -All shows the request; Export-CsCertificate can be said again", "cannot write the file: %s",
		strerror(reason));
}

static err write_content(const char *path, const json_t *content, bool is_bytes, struct diag *d)
{
	size_t n = json_string_length(content);
	if (!json_is_string(content))
		return ERR(INTERNAL);
	if (!is_bytes)
		return write_file(path, (str){ json_string_value(content), n }, d);
	uint8_t *bytes = sealed_bytes_read(content, &n);
	err e = bytes != NULL ? write_file(path, (str){ (const char *)bytes, n }, d) : ERR(INTERNAL);
	if (bytes != NULL)
		crypt_wipe(bytes, n);
	free(bytes);
	return e;
}

err certificate_after(const char *cmdlet, str name, json_t *answer, struct diag *d)
{
	char path[4096];
	json_t *object = json_array_get(json_object_get(answer, "objects"), 0);
	ENSURE(str_to_z(name, path, sizeof path), CEILING);
	for (size_t i = 0; object != NULL && i < sizeof written / sizeof *written; i++) {
		if (strcmp(cmdlet, written[i].cmdlet) != 0)
			continue;
		TRY(write_content(path, json_object_get(object, written[i].property), written[i].is_bytes, d));
		(void)json_object_del(object, written[i].property);
		(void)json_object_set_new(object, "File", json_string(path));
	}
	return OK;
}
