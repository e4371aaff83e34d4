/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the reg event package: RFC 3680 5, with GRUUs by RFC 5628. */
#include "service/reg/reg_watch.h"
#include "wire/xml.h"

static const str events[] = {
	[REG_REGISTERED] = { "registered", 10 },
	[REG_CREATED] = { "created", 7 },
	[REG_REFRESHED] = { "refreshed", 9 },
	[REG_SHORTENED] = { "shortened", 9 },
	[REG_EXPIRED] = { "expired", 7 },
	[REG_UNREGISTERED] = { "unregistered", 12 },
	[REG_DEACTIVATED] = { "deactivated", 11 },
	[REG_REJECTED] = { "rejected", 8 },
};

static void add_instance(struct xml *x, const struct reg_binding *b)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, 4 * REG_TEXT_MAX);
	xml_open(x, "unknown-param");
	xml_attr(x, "name", STR("+sip.instance"));
	buf_printf(&text, "\"%.*s\"", STR_FMT(reg_instance(b)));
	xml_text(x, buf_str(&text));
	xml_close(x);
	buf_reset(&text);
	reg_gruu_public(b, &text);
	xml_open(x, "gr:pub-gruu");
	xml_attr(x, "uri", buf_str(&text));
	xml_close(x);
}

static void add_contact(const struct reg *g, struct xml *x, const struct reg_binding *b, bool is_active, str event)
{
	uint64_t now = reg_now(g), left = b->expires_ms > now ? b->expires_ms - now : 0;
	char q[6] = { '0', '.', (char)('0' + b->q / 100 % 10), (char)('0' + b->q / 10 % 10), (char)('0' + b->q % 10),
		'\0' };
	xml_open(x, "contact");
	xml_attr_u64(x, "id", b->id);
	xml_attr(x, "state", is_active ? STR("active") : STR("terminated"));
	xml_attr(x, "event", event);
	if (is_active)
		xml_attr_u64(x, "expires", (left + 999) / 1000);
	xml_attr(x, "q", b->q == 1000 ? STR("1") : str_of(q));
	xml_attr(x, "callid", reg_call_id(b));
	xml_attr_u64(x, "cseq", b->cseq);
	xml_element(x, "uri", reg_uri(b));
	if (b->instance_n != 0)
		add_instance(x, b);
	xml_close(x);
}

static void add_contacts(const struct reg *g, struct xml *x, const struct reg_document *i)
{
	for (const struct reg_binding *b = i->user->bindings; b != NULL; b = b->next)
		if (b->serial > i->since)
			add_contact(g, x, b, true, events[b->event]);
	for (const struct reg_binding *b = i->since != 0 ? i->user->ended : NULL; b != NULL; b = b->next)
		if (b->serial > i->since)
			add_contact(g, x, b, false, events[b->event]);
}

/* RFC 3680 4.7.1: "init" is where nobody has registered yet, as far as this document goes. */
static str state_of(const struct reg_document *i)
{
	if (i->user->bindings != NULL)
		return STR("active");
	return i->since != 0 ? STR("terminated") : STR("init");
}

err reg_info_print(const struct reg *g, const struct reg_document *i, struct buf *out)
{
	struct buf aor DEFER(buf_fini) = { 0 };
	struct xml x;
	buf_init(&aor, 4 * USER_AOR_MAX);
	reg_add_uri(&aor, reg_user_aor(i->user));
	xml_init(&x, out);
	xml_open(&x, "reginfo");
	xml_attr(&x, "xmlns", STR("urn:ietf:params:xml:ns:reginfo"));
	xml_attr(&x, "xmlns:gr", STR("urn:ietf:params:xml:ns:gruuinfo"));
	xml_attr_u64(&x, "version", i->version);
	xml_attr(&x, "state", i->since == 0 ? STR("full") : STR("partial"));
	xml_open(&x, "registration");
	xml_attr(&x, "aor", buf_str(&aor));
	xml_attr(&x, "id", STR("r1"));
	xml_attr(&x, "state", state_of(i));
	add_contacts(g, &x, i);
	xml_close(&x);
	xml_close(&x);
	return xml_end(&x);
}
