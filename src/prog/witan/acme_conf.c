/* SPDX-License-Identifier: Apache-2.0 */
/* acme/NAME.conf: lines "key: value", for orders that are to be renewed. */
#include "prog/witan/acme_priv.h"

#include "os/file.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 8192 };

static const struct {
	const char *key;
	size_t at, size;
} rows[] = {
#define ROW(key, member) { key, offsetof(struct acme_conf, member), sizeof(((struct acme_conf *)0)->member) }
	ROW("usages", usages),
	ROW("ca", ca),
	ROW("contact", contact),
	ROW("challenge", challenge),
	ROW("hook", hook),
	ROW("ca-file", ca_file),
	ROW("friendly-name", friendly),
#undef ROW
};

err acme_conf_name(const char *usages, char out[ACME_NAME], struct diag *d)
{
	if (strlen(usages) >= ACME_NAME)
		return diag_fail(d, ERR(CEILING), "--usage", "make two certificates", "these are too many uses for one certificate");
	for (size_t i = 0; i <= strlen(usages); i++)
		out[i] = usages[i] == ',' ? '+' : usages[i];
	return OK;
}

static err read_line(str line, struct acme_conf *out, struct diag *d)
{
	str value, key = str_split(line, ':', &value);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(key, str_of(rows[i].key)))
			return str_to_z(str_trim(value), (char *)out + rows[i].at, rows[i].size) ? OK : diag_fail(d, ERR(MALFORMED), rows[i].key, "", "the value is too long");
	return diag_fail(d, ERR(MALFORMED), "acme", "remove the file and order the certificate again: witan acme --usage ... --ca ...", "a line of the remembered order cannot be read");
}

err acme_conf_read(int dir, const char *name, struct acme_conf *out, struct diag *d)
{
	char path[ACME_NAME + 8];
	struct buf file DEFER(buf_fini) = { 0 };
	*out = (struct acme_conf){ .usages = "" };
	(void)snprintf(path, sizeof path, "%s.conf", name);
	TRY(file_read(dir, path, FILE_MAX, &file, d));
	for (str rest = buf_str(&file); rest.n != 0;) {
		str line = str_split(rest, '\n', &rest);
		if (str_trim(line).n != 0)
			TRY(read_line(line, out, d));
	}
	return out->usages[0] != '\0' ? OK : diag_fail(d, ERR(MALFORMED), path, "order the certificate again: witan acme --usage ... --ca ...", "the remembered order does not say what it is for");
}

err acme_conf_write(int dir, const struct acme_conf *c, struct diag *d)
{
	char name[ACME_NAME], path[ACME_NAME + 8];
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, FILE_MAX);
	TRY(acme_conf_name(c->usages, name, d));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		buf_printf(&text, "%s: %s\n", rows[i].key, (const char *)c + rows[i].at);
	ENSURE(!text.failed, CEILING);
	(void)snprintf(path, sizeof path, "%s.conf", name);
	return file_write(dir, path, buf_str(&text), 0600, d);
}

/* ---- what may be handed on ---- */

/* Nothing that a shell or the client's own word splitting could take for something else. */
static bool is_plain(const char *z)
{
	for (; *z != '\0'; z++)
		if ((unsigned char)*z <= 0x20 || (unsigned char)*z >= 0x7f || strchr("'\"\\`$<>|;*?(){}[]", *z) != NULL)
			return false;
	return true;
}

static err check_file(const char *option, const char *path, int mode, struct diag *d)
{
	for (const char *z = path; *z != '\0'; z++)
		if ((unsigned char)*z < 0x20)
			return diag_fail(d, ERR(USAGE), option, "name a file without control characters", "this path cannot be used");
	if (path[0] != '/' || access(path, mode) != 0)
		return diag_fail(d, ERR(USAGE), option, mode == X_OK ? "name a program that may be run, by its whole path" : "name a file in PEM, by its whole path", "%.200s cannot be used", path);
	return OK;
}

err acme_conf_check(const struct acme_conf *c, struct diag *d)
{
	static const char *const challenges[] = { "http-01", "dns-01", "tls-alpn-01" };
	bool known = false;
	for (size_t i = 0; i < sizeof challenges / sizeof *challenges; i++)
		known = known || strcmp(c->challenge, challenges[i]) == 0;
	if (!known)
		return diag_fail(d, ERR(USAGE), "--challenge", "http-01, dns-01 or tls-alpn-01", "there is no challenge \"%.40s\"", c->challenge);
	if (!str_begins_case(str_of(c->ca), STR("https://")) || !is_plain(c->ca))
		return diag_fail(d, ERR(USAGE), "--ca", "the directory of the authority: https://acme.example.test/directory", "this is no address of an ACME authority");
	if (!is_plain(c->contact) || (c->contact[0] != '\0' && strchr(c->contact, '@') == NULL))
		return diag_fail(d, ERR(USAGE), "--contact", "it@example.test", "this is no mail address");
	if (c->hook[0] == '\0' && strcmp(c->challenge, "http-01") != 0)
		return diag_fail(d, ERR(USAGE), "--hook", "name the program that answers the challenge: it is called with deploy_challenge and clean_challenge",
			"%s needs a program of yours", c->challenge);
	if (c->hook[0] != '\0')
		TRY(check_file("--hook", c->hook, X_OK, d));
	return c->ca_file[0] == '\0' ? OK : check_file("--ca-file", c->ca_file, R_OK, d);
}
