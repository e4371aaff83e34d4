/* SPDX-License-Identifier: Apache-2.0 */
/* What the holder of the keys does with a token. The keys are in memory only: the library is given a keytab of its kind MEMORY. */
#include "service/kerberos.h"

#include "base/crypt.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct kerberos_acceptor {
	krb5_context krb5;
	krb5_keytab keytab; /* as long as it is open, the library finds it by its name */
	gss_cred_id_t credentials;
};

void kerberos_init(void)
{
	/* Paths that are nowhere: no krb5.conf, no other mechanisms. A cache of tokens on the disk would be a file; replay.c has them. */
	(void)setenv("KRB5_CONFIG", "/nonexistent/krb5.conf", 1);
	(void)setenv("GSS_MECH_CONFIG", "/nonexistent/mech", 1);
	(void)setenv("KRB5RCACHENAME", "none:", 1);
	(void)setenv("KRB5_KTNAME", "MEMORY:witan-none", 1);
	(void)unsetenv("KRB5_TRACE");
}

/* ---- keys ---- */

static krb5_data data_of(str s)
{
	return (krb5_data){ .magic = KV5M_DATA, .length = (unsigned)s.n, .data = (char *)(uintptr_t)s.p };
}

static krb5_error_code add_key(struct kerberos_acceptor *a, const struct kerberos_key *k)
{
	krb5_data parts[KERBEROS_PARTS_MAX];
	for (unsigned i = 0; i < k->n_parts; i++)
		parts[i] = data_of(k->parts[i]);
	krb5_principal_data principal = { .magic = KV5M_PRINCIPAL, .realm = data_of(k->realm), .data = parts, .length = (krb5_int32)k->n_parts, .type = k->name_type };
	krb5_keytab_entry entry = { .magic = KV5M_KEYTAB_ENTRY, .principal = &principal, .timestamp = (krb5_timestamp)k->made, .vno = k->version,
		.key = { .magic = KV5M_KEYBLOCK, .enctype = k->enctype, .length = (unsigned)k->key.n, .contents = (uint8_t *)(uintptr_t)k->key.p } };
	return krb5_kt_add_entry(a->krb5, a->keytab, &entry);
}

static bool open_keytab(struct kerberos_acceptor *a, const char *name, const struct kerberos_key *keys, size_t n)
{
	if (krb5_init_context(&a->krb5) != 0 || krb5_kt_resolve(a->krb5, name, &a->keytab) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (kerberos_is_taken(&keys[i]) && add_key(a, &keys[i]) != 0)
			return false;
	return true;
}

static bool open_credentials(struct kerberos_acceptor *a, const char *name)
{
	OM_uint32 minor;
	gss_key_value_element_desc rows[] = { { "keytab", name }, { "rcache", "none:" } };
	const gss_key_value_set_desc store = { sizeof rows / sizeof rows[0], rows };
	gss_OID_set_desc mechanisms = { 1, gss_mech_krb5 };
	return gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT, &store, &a->credentials, NULL, NULL) == GSS_S_COMPLETE;
}

err kerberos_acceptor_open(const struct kerberos_key *keys, size_t n, struct kerberos_acceptor **out, struct diag *d)
{
	char name[40];
	size_t n_taken = 0;
	for (size_t i = 0; i < n; i++)
		n_taken += kerberos_is_taken(&keys[i]);
	if (n_taken == 0)
		return diag_fail(d, ERR(ABSENT), "keytab", "let the service's account have AES keys (ktpass -crypto AES256-SHA1, kadmin ktadd -e aes256-cts), and make the keytab anew",
			"it has no AES key");
	struct kerberos_acceptor *a = calloc(1, sizeof *a);
	ENSURE(a != NULL, NO_MEMORY);
	(void)snprintf(name, sizeof name, "MEMORY:witan-%p", (void *)a); /* another than that of an acceptor whose place it takes */
	if (open_keytab(a, name, keys, n) && open_credentials(a, name)) {
		*out = a;
		return OK;
	}
	kerberos_acceptor_close(a);
	return diag_fail(d, ERR(INTERNAL), "keytab", "see that libgssapi-krb5-2 and libkrb5-3 are whole", "the Kerberos library refuses its keys");
}

void kerberos_acceptor_close(struct kerberos_acceptor *a)
{
	OM_uint32 minor;
	if (a == NULL)
		return;
	if (a->credentials != GSS_C_NO_CREDENTIAL)
		(void)gss_release_cred(&minor, &a->credentials);
	if (a->keytab != NULL)
		(void)krb5_kt_close(a->krb5, a->keytab);
	if (a->krb5 != NULL)
		krb5_free_context(a->krb5);
	free(a);
}

/* ---- why not ---- */

static const struct {
	krb5_error_code code;
	const char *what, *remedy;
} reasons[] = {
	{ KRB5KRB_AP_ERR_SKEW, "the clocks differ by more than five minutes", "set the clocks of client, KDC and this server by NTP" },
	{ KRB5KRB_AP_ERR_TKT_EXPIRED, "the ticket has expired", "the client gets a new one: sign in to the realm again (kinit)" },
	{ KRB5KRB_AP_ERR_TKT_NYV, "the ticket is not valid yet", "set the clocks of KDC and this server by NTP" },
	{ KRB5KRB_AP_ERR_BADKEYVER, "the ticket is for a key of another version than the keytab has", "make the keytab anew and import it: Import-CsKerberosKeytab" },
	{ KRB5_KT_KVNONOTFOUND, "the ticket is for a key of another version than the keytab has", "make the keytab anew and import it: Import-CsKerberosKeytab" },
	{ KRB5KRB_AP_ERR_NOKEY, "the keytab has no key of the service and kind that the ticket is for", "compare Get-CsKerberosKeytab with the service principals of the KDC; only AES is taken" },
	{ KRB5KRB_AP_ERR_NOT_US, "the ticket is for another service", "compare Get-CsKerberosKeytab with the service principals of the KDC" },
	{ KRB5KRB_AP_WRONG_PRINC, "the ticket is for another service", "compare Get-CsKerberosKeytab with the service principals of the KDC" },
	{ KRB5_KT_NOTFOUND, "the keytab has no key of the service and kind that the ticket is for", "compare Get-CsKerberosKeytab with the service principals of the KDC; only AES is taken" },
	{ KRB5KRB_AP_ERR_BAD_INTEGRITY, "the key of the keytab is not that of the KDC", "the account's password was changed: make the keytab anew and import it" },
	{ KRB5_NOPERM_ETYPE, "the ticket or its session key is of a kind that is not taken", "let the KDC and the accounts use AES" },
	{ KRB5KRB_AP_ERR_MODIFIED, "the token was changed on its way", "" },
};

static err say(struct diag *d, OM_uint32 minor)
{
	char text[160];
	const krb5_error_code code = (krb5_error_code)minor;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].code == code)
			return diag_fail(d, ERR(REFUSED), "token", reasons[i].remedy, "%s", reasons[i].what);
	OM_uint32 ignored, at = 0;
	gss_buffer_desc message = GSS_C_EMPTY_BUFFER;
	(void)gss_display_status(&ignored, minor, GSS_C_MECH_CODE, gss_mech_krb5, &at, &message);
	(void)snprintf(text, sizeof text, "%.*s", (int)(message.length < 150 ? message.length : 150), message.value != NULL ? (const char *)message.value : "");
	(void)gss_release_buffer(&ignored, &message);
	return diag_fail(d, ERR(REFUSED), "token", "", "the library refuses it: %s", text[0] != '\0' ? text : "no reason given");
}

static err refuse(struct diag *d, const char *what, const char *remedy)
{
	return diag_fail(d, ERR(REFUSED), "token", remedy, "%s", what);
}

/* ---- tokens ---- */

bool kerberos_is_token(str token)
{
	static const char begin[] = "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e"; /* the mechanism, a request, [APPLICATION 14] */
	if (token.n < 4 || token.n > KERBEROS_TOKEN_MAX || (uint8_t)token.p[0] != 0x60)
		return false;
	size_t n = (uint8_t)token.p[1], at = 2, more = n >= 0x80 ? n & 0x7f : 0;
	if (more > 2 || n == 0x80)
		return false;
	for (n = more == 0 ? n : 0; more != 0; more--)
		n = n << 8 | (uint8_t)token.p[at++];
	return n == token.n - at && n > sizeof begin - 1 && memcmp(token.p + at, begin, sizeof begin - 1) == 0;
}

/* A name as it is printed, with its realm. */
static bool print_name(gss_name_t name, char out[KERBEROS_NAME_MAX + 1])
{
	OM_uint32 minor;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	bool is = gss_display_name(&minor, name, &text, NULL) == GSS_S_COMPLETE && str_to_z((str){ text.value, text.length }, out, KERBEROS_NAME_MAX + 1);
	(void)gss_release_buffer(&minor, &text);
	return is && out[0] != '\0';
}

static bool is_for(gss_ctx_id_t context, str target)
{
	OM_uint32 minor;
	gss_name_t name = GSS_C_NO_NAME;
	char text[KERBEROS_NAME_MAX + 1];
	str realm;
	bool is = gss_inquire_context(&minor, context, NULL, &name, NULL, NULL, NULL, NULL, NULL) == GSS_S_COMPLETE && print_name(name, text) &&
		  str_eq_case(str_split(str_of(text), '@', &realm), target);
	(void)gss_release_name(&minor, &name);
	return is;
}

static bool is_aes(const gss_krb5_lucid_key_t *key)
{
	const struct kerberos_key k = { .enctype = (int32_t)key->type, .key = { key->data, key->length } };
	return kerberos_is_taken(&k);
}

/* What no other token has: the key that the client chose for it, its number and time. All of it was protected by the key of the ticket. */
static bool mark_of(const gss_krb5_lucid_context_v1_t *l, uint8_t out[32])
{
	const gss_krb5_lucid_key_t *key = &l->cfx_kd.ctx_key;
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	bool is = m != NULL && EVP_DigestInit_ex(m, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(m, key->data, key->length) == 1 &&
		  EVP_DigestUpdate(m, &l->recv_seq, sizeof l->recv_seq) == 1 && EVP_DigestUpdate(m, &l->endtime, sizeof l->endtime) == 1 && EVP_DigestFinal_ex(m, out, NULL) == 1;
	EVP_MD_CTX_free(m);
	return is;
}

/* A copy of the context is opened to see its keys: only so the library shows them. */
static err look_inside(struct kerberos_replays *r, const gss_buffer_desc *exported, uint64_t now_ms, struct diag *d)
{
	OM_uint32 minor;
	gss_ctx_id_t copy = GSS_C_NO_CONTEXT;
	void *inside = NULL;
	uint8_t mark[32];
	gss_buffer_desc bytes = *exported;
	if (gss_import_sec_context(&minor, &bytes, &copy) != GSS_S_COMPLETE)
		return ERR(INTERNAL);
	if (gss_krb5_export_lucid_sec_context(&minor, &copy, 1, &inside) != GSS_S_COMPLETE) {
		(void)gss_delete_sec_context(&minor, &copy, NULL);
		return ERR(INTERNAL);
	}
	const gss_krb5_lucid_context_v1_t *l = inside;
	bool is_strong = l->protocol == 1 && is_aes(&l->cfx_kd.ctx_key);
	err e = !is_strong ? refuse(d, "its session key is of a kind that is not taken (RC4, DES)", "let the KDC and the accounts use AES") : mark_of(l, mark) ? OK : ERR(INTERNAL);
	(void)gss_krb5_free_lucid_sec_context(&minor, inside);
	TRY(e);
	e = kerberos_replays_add(r, mark, now_ms);
	if (err_is(e, ERR_REFUSED))
		return refuse(d, "it was used before", "");
	return failed(e) ? diag_fail(d, e, "token", "", "too many sign-ins within eleven minutes to remember one more") : OK;
}

static err take_context(struct kerberos_replays *r, gss_ctx_id_t *context, uint64_t now_ms, struct kerberos_proof *out, struct diag *d)
{
	OM_uint32 minor;
	gss_buffer_desc exported = GSS_C_EMPTY_BUFFER;
	if (gss_export_sec_context(&minor, context, &exported) != GSS_S_COMPLETE)
		return say(d, minor);
	err e = look_inside(r, &exported, now_ms, d);
	if (!failed(e))
		buf_add(&out->context, (str){ exported.value, exported.length });
	crypt_wipe(exported.value, exported.length);
	(void)gss_release_buffer(&minor, &exported);
	TRY(e);
	return out->context.failed ? ERR(CEILING) : OK;
}

static err check_flags(OM_uint32 flags, bool can_answer, struct diag *d)
{
	if ((!can_answer && (flags & GSS_C_INTEG_FLAG) == 0) || (flags & GSS_C_ANON_FLAG) != 0)
		return refuse(d, "it does not ask for integrity", "");
	if ((!can_answer && (flags & GSS_C_MUTUAL_FLAG) != 0) || (flags & GSS_C_DCE_STYLE) != 0)
		return refuse(d, "it asks for mutual authentication, which the dialect has no way for", "");
	return OK;
}

static err judge(gss_ctx_id_t context, gss_name_t who, str target, struct kerberos_proof *out, struct diag *d)
{
	if (!is_for(context, target))
		return refuse(d, "the ticket is for another service", "clients ask for a ticket of the name in targetname");
	return print_name(who, out->principal) ? OK : refuse(d, "the name of the client is too long", "");
}

err kerberos_accept(struct kerberos_acceptor *a, struct kerberos_replays *r, const struct kerberos_shown *shown, uint64_t now_ms, struct kerberos_proof *out, struct diag *d)
{
	OM_uint32 minor, ignored, flags = 0;
	gss_ctx_id_t context = GSS_C_NO_CONTEXT;
	gss_name_t who = GSS_C_NO_NAME;
	gss_buffer_desc in = { shown->token.n, (char *)(uintptr_t)shown->token.p }, answer = GSS_C_EMPTY_BUFFER;
	out->principal[0] = '\0';
	buf_init(&out->context, KERBEROS_CONTEXT_MAX);
	buf_init(&out->answer, KERBEROS_TOKEN_MAX);
	if (!kerberos_is_token(shown->token))
		return refuse(d, "it is no token of Kerberos", "");
	OM_uint32 major = gss_accept_sec_context(&minor, &context, a->credentials, &in, GSS_C_NO_CHANNEL_BINDINGS, &who, NULL, &answer, &flags, NULL, NULL);
	err e = major == GSS_S_COMPLETE ? check_flags(flags, shown->can_answer, d) : say(d, minor);
	if (!failed(e))
		e = judge(context, who, shown->target, out, d);
	if (!failed(e))
		e = take_context(r, &context, now_ms, out, d);
	if (!failed(e))
		buf_add(&out->answer, (str){ answer.value, answer.length });
	if (!failed(e) && out->answer.failed)
		e = ERR(CEILING);
	(void)gss_release_buffer(&ignored, &answer);
	(void)gss_release_name(&ignored, &who);
	if (context != GSS_C_NO_CONTEXT)
		(void)gss_delete_sec_context(&ignored, &context, NULL);
	if (failed(e))
		kerberos_proof_fini(out);
	return e;
}

void kerberos_proof_fini(struct kerberos_proof *p)
{
	if (p->context.p != NULL)
		crypt_wipe(p->context.p, p->context.size);
	buf_fini(&p->context);
	buf_fini(&p->answer);
	p->context = p->answer = (struct buf){ 0 };
}
