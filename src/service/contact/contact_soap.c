/* SPDX-License-Identifier: Apache-2.0 */
/* SERVICE with SOAP ([MS-SIP] 3.7): the operation is read, its change kept, then made, answered and told. */
#include "service/contact/contact_priv.h"

#include <stdlib.h>

#define TYPE       "application/SOAP+xml"
#define SOAP       "http://schemas.xmlsoap.org/soap/envelope/"
#define NS         "http://schemas.microsoft.com/winrtc/2002/11/sip"
#define ROWS_MAX   524288 /* bytes of what one request changes */
#define CHANGE_MAX 524288 /* bytes of what is told of it */

/* ---- answers ---- */

static void send_body(struct request *r, unsigned status, str body)
{
	struct buf text DEFER(buf_fini) = { 0 };
	struct sip_out o;
	buf_init(&text, 1 << 20);
	buf_printf(&text, "<s:Envelope xmlns:s=\"" SOAP "\"><s:Body>%.*s</s:Body></s:Envelope>", STR_FMT(body));
	if (text.failed) {
		request_fail(r, ERR(CEILING), "contact");
		return;
	}
	request_answer(r, &o, status, STR(""));
	sip_out_add(&o, SIP_HDR_CONTENT_TYPE, STR(TYPE));
	o.body = buf_str(&text);
	request_send(r, &o, status);
}

void contact_answer(struct request *r, str body)
{
	send_body(r, 200, body);
}

/* What the client did is its fault, what we cannot do is ours (SOAP 1.1 4.4.1). */
void contact_refuse(struct request *r, err e, const char *why)
{
	struct buf body DEFER(buf_fini) = { 0 };
	unsigned status = e.def->sip;
	buf_init(&body, 4096);
	buf_printf(&body, "<s:Fault><faultcode>s:%s</faultcode><faultstring>%s</faultstring></s:Fault>", status < 500 ? "Client" : "Server",
		why != NULL ? why : e.def->text);
	send_body(r, status, buf_str(&body));
}

static void answer(struct request *r, const char *operation, uint32_t group)
{
	struct buf body DEFER(buf_fini) = { 0 };
	buf_init(&body, 1024);
	buf_printf(&body, "<m:%s xmlns:m=\"" NS "\">", operation);
	if (group != 0)
		buf_printf(&body, "<m:groupID>%u</m:groupID>", group);
	buf_printf(&body, "</m:%s>", operation);
	send_body(r, 200, buf_str(&body));
}

str contact_parameter(const struct contact_call *c, const char *name)
{
	return xml_node_text(xml_child(c->operation, str_of(name)), &c->request->in->arena);
}

/* ---- keeping ---- */

/* A change on its way to the disk. */
struct saving {
	struct contact_list *list;
	struct request *request;
	const char *operation;
	uint32_t group;
	struct buf rows, change;
};

static void saving_free(struct saving *w)
{
	buf_fini(&w->rows);
	buf_fini(&w->change);
	free(w);
}

static void apply(struct saving *w)
{
	struct contact_list *l = w->list;
	struct kept_row row;
	str rows = buf_str(&w->rows);
	err e = OK;
	while (l->is_loaded && kept_row_next(&rows, &row, &e))
		if (failed(contact_list_apply(l, &row))) /* without memory: it is read anew */
			l->is_loaded = false;
	buf_reset(&l->change);
	buf_add(&l->change, buf_str(&w->change));
}

static void on_saved(void *arg, err e)
{
	struct saving *w = arg;
	struct contact_list *l = w->list;
	struct contacts *c = l->contacts;
	l->is_saving = false;
	if (failed(e)) {
		/* whether vault has it is not known when it has gone meanwhile: what is there is read anew, and told as a whole */
		l->is_loaded = false;
		l->is_uncertain = true;
		contact_refuse(w->request, err_is(e, ERR_BUSY) ? ERR(SIP_BUSY) : e, NULL);
		(void)failed(contact_load(c, contact_list_aor(l)));
	} else {
		apply(w);
		answer(w->request, w->operation, w->group); /* the client wants this first */
		contact_list_tell(l);
		if (c->config.door.on_change != NULL)
			c->config.door.on_change(c->config.arg, contact_list_aor(l));
	}
	inbound_unref(w->request->in);
	saving_free(w);
	contact_list_settle(l);
	contact_list_resume(l);
}

static void add_delta(struct contact_call *c)
{
	struct buf value DEFER(buf_fini) = { 0 };
	buf_init(&value, 16);
	buf_printf(&value, "%u", c->list->delta == UINT32_MAX ? 1 : c->list->delta + 1);
	kept_row_add(&c->rows, &(struct kept_row){ .kind = KEPT_DELTA, .key = STR(""), .value = buf_str(&value) });
}

static err keep(struct contact_call *c, enum stage_verdict *v)
{
	struct contact_list *l = c->list;
	ENSURE(!c->rows.failed && !c->change.failed, CEILING);
	struct saving *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct saving){ l, c->request, c->name, c->group, c->rows, c->change };
	c->rows = c->change = (struct buf){ 0 };
	err e = kept_save(c->contacts->config.kept, contact_list_aor(l), buf_str(&w->rows), on_saved, w);
	if (failed(e)) {
		saving_free(w);
		return err_is(e, ERR_BUSY) ? ERR(SIP_BUSY) : e;
	}
	c->request->conn = NULL; /* it may have gone when vault answers */
	(void)inbound_ref(c->request->in);
	l->is_saving = true;
	*v = STAGE_WAIT;
	return OK;
}

/* ---- the stage ---- */

static const struct {
	const char *name;
	err (*fn)(struct contact_call *c);
	bool is_change;
} operations[] = {
	{ "setContact", contact_set, true },
	{ "deleteContact", contact_delete, true },
	{ "addGroup", contact_group_add, true },
	{ "modifyGroup", contact_group_modify, true },
	{ "deleteGroup", contact_group_delete, true },
	{ "directorySearch", contact_search_begin, false },
};

static err read_call(struct contact_call *c, size_t *which)
{
	struct request *r = c->request;
	struct xml_node *root;
	TRY(xml_tree_read(c->contacts->config.xml, r->in->msg.body, NULL, &r->in->arena, &root, NULL));
	ENSURE(str_eq(root->name, STR("Envelope")), MALFORMED);
	c->body = xml_child(root, STR("Body"));
	c->why = "this operation is not known here";
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		c->operation = xml_child(c->body, str_of(operations[i].name));
		c->name = operations[i].name;
		*which = i;
		if (c->operation != NULL) {
			c->why = NULL;
			return OK;
		}
	}
	return ERR(MALFORMED);
}

static err change(struct contact_call *c, size_t which, enum stage_verdict *v)
{
	TRY(operations[which].fn(c));
	if (c->rows.n != 0 || c->rows.failed) {
		add_delta(c);
		return keep(c, v);
	}
	answer(c->request, c->name, c->group); /* it is so already */
	return OK;
}

static err serve(struct contact_call *c, enum stage_verdict *v)
{
	struct request *r = c->request;
	size_t which = 0;
	TRY(read_call(c, &which));
	if (!operations[which].is_change) {
		*v = STAGE_WAIT;
		return operations[which].fn(c);
	}
	ENSURE(r->target.n != 0, SIP_FORBIDDEN); /* a list is its owner's; only searches are asked of the domain */
	*v = STAGE_NEXT;
	TRY(contact_list_need(c->contacts, r, r->target, true, &c->list, v));
	if (*v == STAGE_WAIT)
		return OK;
	*v = STAGE_DONE;
	return change(c, which, v);
}

static bool is_of(const struct sip_msg *m, enum sip_hdr_id field, str value)
{
	str rest, is = str_trim(str_split(sip_hdr_value(m, field), ';', &rest));
	return str_eq_case(is, value);
}

err contact_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct contacts *contacts = state;
	struct contact_list *l;
	const struct sip_msg *m = &r->in->msg;
	if (m->method == SIP_METHOD_SUBSCRIBE && r->target.n != 0 && is_of(m, SIP_HDR_EVENT, contact_package.event)) {
		ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
		return contact_list_need(contacts, r, r->target, false, &l, v);
	}
	if (m->method != SIP_METHOD_SERVICE || !is_of(m, SIP_HDR_CONTENT_TYPE, STR(TYPE)))
		return OK;
	bool is_to_domain = r->target.n == 0 && m->uri.user.n == 0 && users_is_domain(contacts->config.users, m->uri.host);
	if (r->target.n == 0 && !is_to_domain)
		return OK; /* somebody else's */
	ENSURE(r->aor.n != 0 && (is_to_domain || str_eq(r->aor, r->target)), SIP_FORBIDDEN);
	struct contact_call c = { .contacts = contacts, .request = r };
	buf_init(&c.rows, ROWS_MAX);
	buf_init(&c.change, CHANGE_MAX);
	err e = serve(&c, v);
	buf_fini(&c.rows);
	buf_fini(&c.change);
	if (!failed(e))
		return OK;
	contact_refuse(r, e, c.why);
	*v = STAGE_DONE;
	return OK;
}
