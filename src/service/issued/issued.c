/* SPDX-License-Identifier: Apache-2.0 */
/* A line for each certificate, "SERIAL EXPIRES USER -" or "SERIAL EXPIRES USER REVOKED-AT:REASON", behind that "ISSUED DEVICE" where it is known. Times are seconds since 1970. Lines leave it
 * some time after their certificates have ended. */
#include "service/issued.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MOST = 64 << 20, LINE_MOST = 512, KEEP_SECONDS = CERT_CRL_GRACE_DAYS * 86400 };

static const char path[] = "issued";

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

static bool take_device(str text, struct issued *out)
{
	uint64_t when;
	str device, at = str_split(text, ' ', &device);
	if (text.n == 0)
		return true;
	if (!str_to_u64(at, &when) || !str_to_z(str_eq(device, STR("-")) ? STR("") : device, out->device, sizeof out->device))
		return false;
	out->issued = (int64_t)when;
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
	out->expires = out->revoked.expires = (int64_t)expires;
	str more, state = str_split(rest, ' ', &more);
	return take_revoked(state, out) && take_device(more, out);
}

static void add_line(struct buf *b, const struct issued *i)
{
	buf_printf(b, "%s %lld %s ", i->revoked.serial, (long long)i->expires, i->user);
	if (i->is_revoked)
		buf_printf(b, "%lld:%s", (long long)i->revoked.when, cert_reason_word(i->revoked.reason));
	else
		buf_add_char(b, '-');
	if (i->issued != 0)
		buf_printf(b, " %lld %s", (long long)i->issued, i->device[0] != '\0' ? i->device : "-");
	buf_add_char(b, '\n');
}

/* ---- the list ---- */

static err push(struct issued_list *l, const struct issued *one, struct diag *d)
{
	if (l->n == ISSUED_MAX)
		return diag_fail(d, ERR(CEILING), "certs/issued", "wait until some of them have ended", "%d certificates are in it", ISSUED_MAX);
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

/* What follows the last line feed is a line that a kill has cut: the next one must not be joined to it. */
static err parse(struct issued_list *l, str text, struct diag *d)
{
	for (unsigned number = 1; text.n != 0; number++) {
		struct issued one;
		bool is_whole = str_find_char(text, '\n') < text.n;
		str line = str_split(text, '\n', &text);
		if (!is_whole)
			return issued_write(l, 0, d);
		if (line.n == 0)
			continue;
		if (!take_line(line, &one))
			return diag_fail(d, ERR(MALFORMED), "certs/issued", "restore it from a copy", "line %u is not \"SERIAL EXPIRES USER STATE\"", number);
		TRY(push(l, &one, d));
	}
	return OK;
}

err issued_open(int dir, struct issued_list *out, struct diag *d)
{
	struct buf text;
	*out = (struct issued_list){ .dir = dir };
	err e = file_read(dir, path, FILE_MOST, &text, d);
	if (!failed(e))
		e = parse(out, buf_str(&text), d);
	buf_fini(&text);
	return err_is(e, ERR_ABSENT) ? OK : e;
}

void issued_close(struct issued_list *l)
{
	free(l->all);
	free(l->places);
	*l = (struct issued_list){ .dir = -1 };
}

static int write_line(int fd, str s)
{
	while (s.n != 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return errno;
		s = str_cut(s, n > 0 ? (size_t)n : 0, s.n);
	}
	return 0;
}

static err cannot_write(struct diag *d, int reason)
{
	return diag_fail(d, reason == ENOSPC || reason == EDQUOT ? ERR(DISK_FULL) : ERR(SYSTEM), "certs/issued", "", "cannot write it: %s", strerror(reason));
}

/* Half a line, of a disk that is full, is cut off again. */
static err append(struct issued_list *l, str line, struct diag *d)
{
	int fd = openat(l->dir, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	off_t before = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	int reason = before >= 0 ? write_line(fd, line) : errno;
	if (reason != 0 && before >= 0 && ftruncate(fd, before) != 0)
		reason = errno;
	if (fd >= 0)
		(void)close(fd);
	if (reason != 0)
		return cannot_write(d, reason);
	l->is_dirty = true;
	return OK;
}

err issued_sync(struct issued_list *l, struct diag *d)
{
	if (!l->is_dirty)
		return OK;
	int fd = openat(l->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int reason = fd >= 0 && fdatasync(fd) == 0 && fsync(l->dir) == 0 ? 0 : errno;
	if (fd >= 0)
		(void)close(fd);
	if (reason != 0)
		return cannot_write(d, reason);
	l->is_dirty = false;
	return OK;
}

err issued_add(struct issued_list *l, const struct issued *one, struct diag *d)
{
	struct buf line DEFER(buf_fini) = { 0 };
	buf_init(&line, LINE_MOST);
	add_line(&line, one);
	ENSURE(!line.failed, CEILING);
	TRY(push(l, one, d));
	err e = append(l, buf_str(&line), d);
	if (failed(e))
		l->n--;
	return e;
}

err issued_write(struct issued_list *l, int64_t now, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, FILE_MOST);
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].expires + KEEP_SECONDS > now)
			add_line(&text, &l->all[i]);
	ENSURE(!text.failed, NO_MEMORY);
	return file_write(l->dir, path, buf_str(&text), 0600, d);
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
