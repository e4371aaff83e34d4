/* SPDX-License-Identifier: Apache-2.0 */
/* How people name a user: by his address, or by what else he is called. */
#include "role/vault/user_priv.h"

#include <stdio.h>

/* ---- addresses ---- */

err command_find_domain(const char *domains, str domain)
{
	for (str rest = str_of(domains); rest.n != 0;) {
		str one = str_trim(str_split(rest, ',', &rest));
		if (one.n != 0 && str_eq_case(one, domain))
			return OK;
	}
	return ERR(ABSENT);
}

static bool is_name(str s)
{
	if (s.n == 0 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.+~", c) != NULL)))
			return false;
	}
	return true;
}

err command_address(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	static const char remedy[] = "write it as sip:ann@example.test, with letters, digits and - _ . + ~";
	str s = str_trim(given), domain;
	if (str_begins_case(s, STR("sip:")))
		s = str_cut(s, 4, s.n);
	if (s.n == 0 || s.n >= VAULT_AOR)
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "an address has 1 to %d characters", VAULT_AOR - 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = char_lower(s.p[i]);
	*aor = (str){ out, s.n };
	str name = str_split(*aor, '@', &domain);
	if (!is_name(name))
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "%.*s is not an address of a user", STR_FMT(str_cut(s, 0, 80)));
	if (failed(command_find_domain(call->vault->skel->domains, domain))) {
		char ours[200];
		(void)snprintf(ours, sizeof ours, "the SIP domains of the topology are: %.150s", call->vault->skel->domains);
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", ours, "%.*s is not in a domain of this deployment", STR_FMT(str_cut(s, 0, 80)));
	}
	return OK;
}

err user_not_there(struct call *call, str name)
{
	return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsUser lists the users", "there is no user %.*s", STR_FMT(str_cut(name, 0, 120)));
}

/* ---- by other names ---- */

struct other {
	char *room;
	size_t n;
	unsigned found;
};

static void keep_aor(void *arg, const struct store_user *u)
{
	struct other *o = arg;
	o->found++;
	o->n = u->aor.n < VAULT_AOR ? u->aor.n : 0;
	memcpy(o->room, u->aor.p, o->n);
}

static err by_other_name(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	static const enum store_user_name names[] = { STORE_BY_SAM, STORE_BY_UPN, STORE_BY_DISPLAY_NAME };
	size_t slash = str_find_char(given, '\\'); /* DOMAIN\sam */
	str sam = slash < given.n ? str_cut(given, slash + 1, given.n) : given;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct other o = { out, 0, 0 };
		TRY(store_user_find_by(call->vault->store, names[i], names[i] == STORE_BY_SAM ? sam : given, keep_aor, &o));
		if (o.found > 1)
			return diag_fail(&call->diag, ERR(REFUSED), "Identity", "name him by his address", "%u users are called %.*s", o.found, STR_FMT(str_cut(given, 0, 80)));
		if (o.found == 1) {
			*aor = (str){ out, o.n };
			return OK;
		}
	}
	return ERR(ABSENT);
}

static void ignore(void *arg, const struct store_user *u)
{
}

err command_user_identity(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	struct diag before = call->diag;
	TRY(vault_store(call->vault, &call->diag));
	given = str_trim(given);
	err e = command_address(call, given, out, aor);
	if (!failed(e))
		e = store_user_find(call->vault->store, *aor, ignore, NULL);
	else if (!str_begins_case(given, STR("sip:"))) {
		struct diag why = call->diag;
		call->diag = before;
		err other = by_other_name(call, given, out, aor);
		if (!err_is(other, ERR_ABSENT))
			return other;
		if (str_find_char(given, '@') == given.n)
			return user_not_there(call, given);
		call->diag = why;
		return e;
	} else
		return e;
	return err_is(e, ERR_ABSENT) ? user_not_there(call, given) : e;
}

err user_named(struct call *call, const char *name, char out[VAULT_AOR], str *aor)
{
	str given;
	if (!command_text(call, name, &given))
		return diag_fail(&call->diag, ERR(USAGE), name, "name a user", "-%s is missing", name);
	return command_user_identity(call, given, out, aor);
}
