/* SPDX-License-Identifier: Apache-2.0 */
/* ca/issued: a line for each certificate of a person, "SERIAL EXPIRES USER -" or "SERIAL EXPIRES USER REVOKED-AT:REASON". Times are
 * seconds since 1970. Lines leave it some time after their certificates have ended. */
#include "prog/witan/issued.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_MOST = 4 << 20, KEEP_SECONDS = 30 * 86400 };

static const char path[] = "ca/issued";

/* ---- lines ---- */

static bool take_revoked(str word, struct issued *out)
{
	uint64_t when;
	str reason, at = str_split(word, ':', &reason);
	if (str_eq(word, STR("-")))
		return true;
	if (!str_to_u64(at, &when) || !cert_reason_find(reason, &out->revoked.reason))
		return false;
	out->revoked.when = (int64_t)when;
	out->is_revoked = true;
	return true;
}

static bool take_line(str line, struct issued *out)
{
	uint64_t expires;
	str rest, serial = str_split(line, ' ', &rest), until = str_split(rest, ' ', &rest), user = str_split(rest, ' ', &rest);
	*out = (struct issued){ .is_revoked = false };
	if (serial.n == 0 || !str_to_z(serial, out->revoked.serial, sizeof out->revoked.serial) || !str_to_u64(until, &expires) || user.n == 0 ||
		!str_to_z(user, out->user, sizeof out->user))
		return false;
	out->expires = (int64_t)expires;
	return take_revoked(rest, out);
}

static void add_line(struct buf *b, const struct issued *i)
{
	buf_printf(b, "%s %lld %s ", i->revoked.serial, (long long)i->expires, i->user);
	if (i->is_revoked)
		buf_printf(b, "%lld:%s\n", (long long)i->revoked.when, cert_reason_word(i->revoked.reason));
	else
		buf_printf(b, "-\n");
}

/* ---- the list ---- */

static err parse(struct issued_list *l, str text, struct diag *d)
{
	for (unsigned number = 1; text.n != 0; number++) {
		struct issued one;
		str line = str_split(text, '\n', &text);
		if (line.n == 0)
			continue;
		if (!take_line(line, &one))
			return diag_fail(d, ERR(MALFORMED), path, "restore it from a copy", "line %u is not \"SERIAL EXPIRES USER STATE\"", number);
		TRY(issued_add(l, &one, d));
	}
	return OK;
}

/* Who comes second waits: both would write what they have read. */
static err lock(struct issued_list *l, struct diag *d)
{
	l->lock = openat(l->dirfd, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->lock >= 0 && flock(l->lock, LOCK_EX) == 0)
		return OK;
	return diag_fail(d, errno == EACCES ? ERR(REFUSED) : ERR(SYSTEM), "ca/", "be root or the owner of the deployment", "cannot open it: %s", strerror(errno));
}

err issued_open(int dirfd, struct issued_list *out, struct diag *d)
{
	struct buf text;
	*out = (struct issued_list){ .dirfd = dirfd, .lock = -1 };
	TRY(lock(out, d));
	err e = file_read(dirfd, path, FILE_MOST, &text, d);
	if (!failed(e))
		e = parse(out, buf_str(&text), d);
	buf_fini(&text);
	return err_is(e, ERR_ABSENT) ? OK : e;
}

void issued_close(struct issued_list *l)
{
	if (l->lock >= 0)
		(void)close(l->lock);
	free(l->all);
	*l = (struct issued_list){ .lock = -1 };
}

err issued_add(struct issued_list *l, const struct issued *one, struct diag *d)
{
	if (l->n == CERT_REVOKED_MAX)
		return diag_fail(d, ERR(CEILING), path, "wait until some of them have ended", "%d certificates of people are in it", CERT_REVOKED_MAX);
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct issued *all = realloc(l->all, room * sizeof *all);
		ENSURE(all != NULL, NO_MEMORY);
		l->all = all;
		l->room = room;
	}
	l->all[l->n++] = *one;
	return OK;
}

err issued_write(const struct issued_list *l, int64_t now, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, FILE_MOST);
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].expires + KEEP_SECONDS > now)
			add_line(&text, &l->all[i]);
	ENSURE(!text.failed, NO_MEMORY);
	return file_write(l->dirfd, path, buf_str(&text), 0600, d);
}

err issued_revoked(const struct issued_list *l, struct cert_revoked **out, size_t *n)
{
	*n = 0;
	*out = calloc(l->n + 1, sizeof **out);
	ENSURE(*out != NULL, NO_MEMORY);
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].is_revoked)
			(*out)[(*n)++] = l->all[i].revoked;
	return OK;
}

err issued_write_crl(const struct issued_list *l, const struct cert_ca *ca, int64_t now, struct diag *d)
{
	struct cert_revoked *revoked;
	size_t n;
	struct buf der DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_CRL_MAX);
	TRY(issued_revoked(l, &revoked, &n));
	err e = cert_ca_crl(ca, revoked, n, now, &der);
	free(revoked);
	if (failed(e))
		return diag_fail(d, e, "certs/witan.crl", "", "OpenSSL could not sign the list");
	return file_write(l->dirfd, "certs/witan.crl", buf_str(&der), 0644, d);
}
