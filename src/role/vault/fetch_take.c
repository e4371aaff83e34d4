/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched is judged, and kept if it is good: signed by the authority whose list it is to be, and no older than what is there. */
#include "os/file.h"
#include "role/vault/vault_fetch.h"
#include "service/trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SKEW_SECONDS = 3600, DAY = 86400, ROOM = 64 * 1024 };

/* Whoever signed it is trusted here, or is an issuer of a certificate here: with his name, and as one who signs lists. */
static err read_signed(const struct vault *v, str bytes, struct cert_crl **out, struct diag *d)
{
	err e = cert_crl_read(bytes, buf_str(&v->trust), out, d);
	for (size_t i = 0; err_is(e, ERR_REFUSED) && i < certstore_count(v->certstore); i++) {
		struct diag other;
		err f = cert_crl_read(bytes, buf_str(&certstore_at(v->certstore, i)->chain), out, &other);
		if (!failed(f))
			return f;
	}
	return e;
}

static err read_list(const struct vault *v, const char *where, str bytes, struct cert_crl **out, struct diag *d)
{
	err e = read_signed(v, bytes, out, d);
	if (!failed(e))
		return OK;
	(void)snprintf(d->where, sizeof d->where, "%s", where);
	(void)snprintf(d->remedy, sizeof d->remedy, "%s", err_is(e, ERR_MALFORMED) ? "is it the file that the certificate names? ask the authority" :
		"ask the authority for its whole list, signed by the key that issues; its certificate must be in ca.pem, or in a chain in certs/");
	return e;
}

/* One server may have the lists of many: another's in this one's place would take this one away. */
static err check_issuer(const struct cert_crl *crl, const struct fetch_list *l, struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	str issuer;
	arena_init(&a, ROOM);
	TRY(cert_crl_issuer(crl, &a, &issuer));
	if (str_eq(issuer, str_of(l->issuer)))
		return OK;
	err e = diag_fail(d, ERR(REFUSED), l->url, "ask the authority: the certificate names this URL for its list", "it is the list of %.*s, not of %s", STR_FMT(str_cut(issuer, 0, 90)), l->issuer);
	diag_clean(d);
	return e;
}

static void note(struct fetch_list *l, const struct cert_crl *crl)
{
	l->begins = cert_crl_begins(crl);
	l->ends = cert_crl_ends(crl);
	l->entries = cert_crl_count(crl);
}

static err read_kept(struct vault *v, const struct fetch_list *l, struct buf *bytes, struct cert_crl **out)
{
	struct diag d;
	TRY(file_read(v->certificates, l->file, TRUST_LIST_MAX, bytes, &d));
	return read_list(v, l->file, buf_str(bytes), out, &d);
}

void vault_fetch_read_kept(struct vault *v, struct fetch_list *l)
{
	struct buf bytes DEFER(buf_fini) = { 0 };
	struct cert_crl *crl = NULL;
	if (!failed(read_kept(v, l, &bytes, &crl)))
		note(l, crl);
	cert_crl_free(crl);
}

/* What is kept and cannot be used, or is of another authority, is no measure. */
static err check_age(struct vault *v, const struct fetch_list *l, const struct cert_crl *fresh, str bytes, bool *is_new, struct diag *d)
{
	struct buf kept_bytes DEFER(buf_fini) = { 0 };
	struct cert_crl *kept = NULL;
	struct diag other;
	*is_new = true;
	if (cert_crl_begins(fresh) > vault_fetch_now() + SKEW_SECONDS)
		return diag_fail(d, ERR(REFUSED), l->url, "are the clocks right, here and there?", "the list begins in the future");
	if (failed(read_kept(v, l, &kept_bytes, &kept)))
		return OK;
	const struct list_age a = { cert_crl_number(fresh), cert_crl_begins(fresh) }, b = { cert_crl_number(kept), cert_crl_begins(kept) };
	bool older = list_is_older(&a, &b) && !failed(check_issuer(kept, l, &other));
	*is_new = !str_eq(bytes, buf_str(&kept_bytes));
	cert_crl_free(kept);
	if (!older)
		return OK;
	return diag_fail(d, ERR(REFUSED), l->url, "is an old copy served, by a proxy for example? if the authority counts anew, remove the file from certs/",
		"the list is older than the one that is kept in certs/%s", l->file);
}

err vault_fetch_take(struct vault *v, struct fetch_list *l, str bytes, bool *is_new, struct diag *d)
{
	struct cert_crl *crl = NULL;
	err e = read_list(v, l->url, bytes, &crl, d);
	if (!failed(e))
		e = check_issuer(crl, l, d);
	if (!failed(e))
		e = check_age(v, l, crl, bytes, is_new, d);
	if (!failed(e) && *is_new)
		e = file_write(v->certificates, l->file, bytes, 0644, d);
	if (!failed(e))
		note(l, crl);
	cert_crl_free(crl);
	return e;
}

/* ---- what nothing names any more ---- */

static bool is_fetched(const char *name)
{
	size_t n = strlen(name);
	return n == sizeof "fetched-0123456789abcdef.crl" - 1 && strncmp(name, "fetched-", 8) == 0 && strcmp(name + n - 4, ".crl") == 0;
}

/* It says nothing to anybody here: none who is trusted has signed it, or it has long ended. A list that cannot be read now stays. */
static bool is_of_no_use(struct vault *v, const char *name)
{
	struct buf bytes DEFER(buf_fini) = { 0 };
	struct cert_crl *crl = NULL;
	struct diag d;
	if (failed(file_read(v->certificates, name, TRUST_LIST_MAX, &bytes, &d)))
		return false;
	bool ended = failed(read_list(v, name, buf_str(&bytes), &crl, &d)) || cert_crl_ends(crl) + CERT_CRL_GRACE_DAYS * DAY < vault_fetch_now();
	cert_crl_free(crl);
	return ended;
}

void vault_fetch_sweep(struct vault *v)
{
	int fd = openat(v->certificates, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL && fd >= 0)
		(void)close(fd);
	for (struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir))
		if (is_fetched(e->d_name) && !vault_fetch_has_file(v, e->d_name) && is_of_no_use(v, e->d_name) && unlinkat(v->certificates, e->d_name, 0) == 0)
			LOG(&v->skel->log, LIST_REMOVED, LOG_Z("file", e->d_name), LOG_Z("why", "no certificate here names it, and it says nothing any more"));
	if (dir != NULL)
		(void)closedir(dir);
}
