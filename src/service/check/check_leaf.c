/* SPDX-License-Identifier: Apache-2.0 */
/* Key, use and time of one certificate. */
#include "service/check/check_priv.h"

#define PUBLIC_DAYS 398

static bool has_usage(const struct cert_view *v, str word)
{
	return check_has_name(&v->usages, word);
}

bool check_is_authority(const struct subject *s)
{
	return s->match->leaf.is_ca && s->match->leaf.san.n == 0 && s->seen->probe == NULL && s->match->plans.n == 0;
}

void rule_eku_missing(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (!s->match->leaf.has_usages && !check_is_authority(s))
		check_say(c, s, "there is no extended key usage");
}

void rule_eku_server(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct cert_view *v = &s->match->leaf;
	if (v->has_usages && !check_is_authority(s) && !has_usage(v, STR("serverAuth")))
		check_say(c, s, "it is for %.*s, not for servers", CHECK_TEXT(v->usages.n > 0 ? v->usages.p[0] : STR("nothing")));
}

void rule_eku_client(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct cert_view *v = &s->match->leaf;
	if (p->client_auth && v->has_usages && !has_usage(v, STR("clientAuth")))
		check_say(c, s, "it lacks clientAuth");
}

void rule_key_usage(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct cert_view *v = &s->match->leaf;
	if (v->has_key_usage && !check_is_authority(s) && (v->key_usage & CERT_KU_SIGN) == 0)
		check_say(c, s, "its key usage is%s%s%s", (v->key_usage & CERT_KU_ENCIPHER) != 0 ? " keyEncipherment" : "",
			(v->key_usage & CERT_KU_AGREE) != 0 ? " keyAgreement" : "", (v->key_usage & (CERT_KU_ENCIPHER | CERT_KU_AGREE)) == 0 ? " something else" : "");
}

void rule_leaf_is_ca(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->leaf.is_ca && !check_is_authority(s))
		check_say(c, s, "\"%.*s\" is an authority", CHECK_TEXT(s->match->leaf.subject));
}

void rule_key_size(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct cert_view *v = &s->match->leaf;
	bool is_rsa = str_begins(v->key, STR("rsa-"));
	bool is_curve = str_eq(v->curve, STR("P-256")) || str_eq(v->curve, STR("P-384")) || str_eq(v->curve, STR("P-521"));
	if (is_rsa ? v->key_bits < 2048 : !is_curve)
		check_say(c, s, "its key is %.*s", CHECK_TEXT(v->key));
}

void rule_hash(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	str hash = s->match->leaf.hash;
	if (str_eq_case(hash, STR("sha1")) || str_begins_case(hash, STR("md")))
		check_say(c, s, "it is signed with %.*s", CHECK_TEXT(hash));
}

void rule_pss(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (str_eq_case(s->match->leaf.signature, STR("rsassaPss")))
		check_say(c, s, "it is signed with RSASSA-PSS");
}

void rule_critical(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	TOPO_EACH (oid, s->match->leaf.critical)
		check_say(c, s, "the extension %.*s is critical", CHECK_TEXT(*oid));
}

void rule_version(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->leaf.version != 3)
		check_say(c, s, "it is of version %u", s->match->leaf.version);
}

void rule_key_other(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->seen->has_key && s->match->has_leaf && memcmp(s->seen->key, s->match->leaf.spki, 32) != 0)
		check_say(c, s, "the key in %.*s is another one", CHECK_TEXT(s->seen->key_place));
}

void rule_key_open(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->seen->has_key && s->seen->is_key_open)
		check_say(c, s, "others than its owner may read %.*s", CHECK_TEXT(s->seen->key_place));
}

/* ---- time ---- */

static int64_t left(const struct check *c, const struct subject *s)
{
	return s->match->leaf.not_after - c->policy->now;
}

void rule_expired(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (left(c, s) < 0)
		check_say(c, s, "it expired %lld days ago", (long long)(-left(c, s) / DAY));
}

void rule_week(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (left(c, s) >= 0 && left(c, s) < 7 * DAY)
		check_say(c, s, "it ends in %lld hours", (long long)(left(c, s) / 3600));
}

void rule_month(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (left(c, s) >= 7 * DAY && left(c, s) < 30 * DAY)
		check_say(c, s, "it ends in %lld days", (long long)(left(c, s) / DAY));
}

void rule_early(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->leaf.not_before > c->policy->now)
		check_say(c, s, "it begins in %lld hours", (long long)((s->match->leaf.not_before - c->policy->now) / 3600));
}

void rule_clock_leaf(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	int64_t ahead = s->match->leaf.not_before - c->policy->now;
	if (ahead > 0 && ahead < DAY)
		check_say(c, s, "it begins in %lld minutes", (long long)(ahead / 60));
}

void rule_long(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	int64_t days = (s->match->leaf.not_after - s->match->leaf.not_before + DAY - 1) / DAY;
	if (s->is_public && days > PUBLIC_DAYS)
		check_say(c, s, "it is valid for %lld days", (long long)days);
}
