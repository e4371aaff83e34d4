/* SPDX-License-Identifier: Apache-2.0 */
/* What a script sees of its message and of the server, and what it may change. */
#include <stdio.h>

#include "service/script/script_priv.h"

/* ---- the message ---- */

static const struct {
	const char *name;
	int64_t number;
} methods[] = {
	{ "REGISTER", MSPL_StandardMethod_Register }, { "SUBSCRIBE", MSPL_StandardMethod_Subscribe }, { "NOTIFY", MSPL_StandardMethod_Notify },
	{ "ACK", MSPL_StandardMethod_Ack }, { "BYE", MSPL_StandardMethod_Bye }, { "CANCEL", MSPL_StandardMethod_Cancel }, { "INVITE", MSPL_StandardMethod_Invite },
	{ "OPTIONS", MSPL_StandardMethod_Options }, { "MESSAGE", MSPL_StandardMethod_Message }, { "BENOTIFY", MSPL_StandardMethod_BeNotify },
	{ "SERVICE", MSPL_StandardMethod_Service }, { "INFO", MSPL_StandardMethod_Info }, { "REFER", MSPL_StandardMethod_Refer },
};

int64_t script_method(str name)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (str_eq(name, str_of(methods[i].name)))
			return methods[i].number;
	return MSPL_StandardMethod_Unknown;
}

static bool is_phone(const struct uri *u)
{
	str value;
	return u->kind == URI_TEL || (sip_param(u->params, STR("user"), &value) && str_eq_case(value, STR("phone")));
}

static struct mspl_value aor_of(const struct uri *u, struct arena *a)
{
	str aor;
	if (u->kind == URI_TEL || !u->has_user || failed(uri_aor(u, a, &aor)))
		return (struct mspl_value){ 0 };
	return mspl_text(aor);
}

static struct mspl_value maybe(str s)
{
	return s.n != 0 ? mspl_text(s) : (struct mspl_value){ 0 };
}

static struct mspl_value number(int64_t n)
{
	return (struct mspl_value){ .type = MSPL_INT, .number = n };
}

/* Of the Contact that came along: a device's name for itself. */
static struct mspl_value instance_of(const struct sip_msg *m)
{
	struct sip_addr a;
	str value;
	if (failed(sip_addr_parse(sip_hdr_value(m, SIP_HDR_CONTACT), &a, NULL)) || !sip_param(a.params, STR("+sip.instance"), &value))
		return (struct mspl_value){ 0 };
	return mspl_text(value.n >= 2 && value.p[0] == '"' ? str_cut(value, 1, value.n - 1) : value);
}

static struct mspl_value target_instance(const struct uri *u)
{
	str value;
	return sip_param(u->params, STR("gr"), &value) ? maybe(value) : (struct mspl_value){ 0 };
}

static struct mspl_value of_both(struct run *u, enum mspl_property p)
{
	const struct sip_msg *m = &u->in->msg;
	const struct script_source *s = &u->source;
	switch (p) {
	case MSPL_AT_FQDN:
		return mspl_text(u->s->c.fqdn);
	case MSPL_AT_POOL:
		return mspl_text(u->s->c.pool);
	case MSPL_AT_ROLE:
		return mspl_enum(MSPL_ENUM_ServerRole, u->s->c.role);
	case MSPL_AT_FROM:
		return mspl_text(m->from.raw);
	case MSPL_AT_TO:
		return mspl_text(m->to.raw);
	case MSPL_AT_CONTENT:
		return mspl_text(u->has_body ? u->body : m->body);
	case MSPL_AT_AUTHENTICATED:
		return mspl_truth(s->is_authenticated);
	case MSPL_AT_TRANSACTION:
		return maybe(m->via.branch);
	case MSPL_AT_TLS_PEER:
		return maybe(s->tls_peer);
	case MSPL_AT_ORIGIN:
		return mspl_enum(MSPL_ENUM_MessageOrigin, s->origin);
	case MSPL_AT_SOURCE_TYPE:
		return mspl_enum(MSPL_ENUM_ExternalSourceType, s->type);
	case MSPL_AT_SOURCE_NETWORK:
		return mspl_enum(MSPL_ENUM_ExternalSourceNetwork, s->network);
	case MSPL_AT_METHOD:
		return mspl_text(m->method_name);
	default:
		return (struct mspl_value){ 0 }; /* Stamp and StampPool: no server of ours writes one */
	}
}

static struct mspl_value of_target(struct run *u, enum mspl_property p, struct arena *a)
{
	const struct sip_msg *m = &u->in->msg;
	switch (p) {
	case MSPL_AT_TARGET_URI:
		return mspl_text(m->request_uri);
	case MSPL_AT_TARGET_AOR:
		return aor_of(&m->uri, a);
	case MSPL_AT_TARGET_INSTANCE:
		return target_instance(&m->uri);
	case MSPL_AT_TARGET_IS_PHONE:
		return mspl_truth(is_phone(&m->uri));
	default:
		return mspl_truth(u->s->c.door.is_domain(u->s->c.arg, m->uri.host));
	}
}

static bool get(void *arg, enum mspl_property p, struct arena *a, struct mspl_value *v)
{
	struct run *u = arg;
	const struct sip_msg *m = &u->in->msg;
	switch (p) {
	case MSPL_AT_STANDARD_METHOD:
		*v = mspl_enum(MSPL_ENUM_StandardMethod, script_method(m->method_name));
		break;
	case MSPL_AT_REQUEST_URI:
		*v = mspl_text(m->request_uri);
		break;
	case MSPL_AT_STATUS_CODE:
		*v = number(m->status);
		break;
	case MSPL_AT_STATUS_CLASS:
		*v = mspl_enum(MSPL_ENUM_StatusClass, m->status / 100);
		break;
	case MSPL_AT_REASON_PHRASE:
		*v = mspl_text(m->reason);
		break;
	case MSPL_AT_SOURCE_AOR:
		*v = u->r != NULL && u->r->aor.n != 0 ? mspl_text(u->r->aor) : aor_of(&m->from.uri, a);
		break;
	case MSPL_AT_SOURCE_IS_PHONE:
		*v = mspl_truth(is_phone(&m->from.uri));
		break;
	case MSPL_AT_SOURCE_INSTANCE:
		*v = instance_of(m);
		break;
	case MSPL_AT_TARGET_URI:
	case MSPL_AT_TARGET_AOR:
	case MSPL_AT_TARGET_INSTANCE:
	case MSPL_AT_TARGET_IS_PHONE:
	case MSPL_AT_TARGET_DOMAIN_SUPPORTED:
		*v = m->is_request ? of_target(u, p, a) : (struct mspl_value){ 0 };
		break;
	default:
		*v = of_both(u, p);
	}
	return true;
}

static bool set(void *arg, enum mspl_property p, str value)
{
	struct run *u = arg;
	(void)p; /* there is one that can be */
	u->body = value;
	u->has_body = true;
	return run_begin_change(u);
}

/* ---- header fields ---- */

static const struct sip_hdr *received(const struct sip_msg *m, str name, size_t at)
{
	enum sip_hdr_id id = sip_hdr_of(name);
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		const struct sip_hdr *h = &m->hdrs[i];
		bool is = id != SIP_HDR_OTHER ? h->id == id : str_eq_case(h->name, name);
		if (is && at-- == 0)
			return h;
	}
	return NULL;
}

static bool header(void *arg, str name, size_t at, str *value, bool *is_there)
{
	struct run *u = arg;
	if (u->has_out) {
		*is_there = run_row(u, name, at, value) != NULL;
		return true;
	}
	const struct sip_hdr *h = received(&u->in->msg, name, at);
	*is_there = h != NULL;
	if (h != NULL)
		*value = h->value;
	return true;
}

static bool header_add(void *arg, str name, str value)
{
	struct run *u = arg;
	enum sip_hdr_id id = sip_hdr_of(name);
	if (!run_begin_change(u))
		return false;
	if (id != SIP_HDR_OTHER)
		sip_out_add(&u->out, id, value);
	else
		sip_out_add_other(&u->out, name, value);
	return !u->out.failed;
}

static bool header_remove(void *arg, str name, const str *value)
{
	struct run *u = arg;
	struct sip_row *row;
	str is;
	if (!run_begin_change(u))
		return false;
	for (size_t at = 0; (row = run_row(u, name, at, &is)) != NULL;) {
		if (value != NULL && !str_eq(is, *value)) {
			at++;
			continue;
		}
		memmove(row, row + 1, (size_t)(&u->out.rows[u->out.n] - row - 1) * sizeof *row);
		u->out.n--;
	}
	return true;
}

static bool header_set(void *arg, str name, str value)
{
	struct run *u = arg;
	str old;
	if (!run_begin_change(u))
		return false;
	struct sip_row *row = run_row(u, name, 0, &old);
	enum sip_hdr_id id = sip_hdr_of(name);
	if (row != NULL)
		*row = (struct sip_row){ .id = row->id, .name = id != SIP_HDR_OTHER ? sip_hdr_name(id) : name, .value = value };
	return true;
}

/* ---- the server ---- */

static bool is_domain(void *arg, str domain)
{
	const struct run *u = arg;
	return u->s->c.door.is_domain(u->s->c.arg, domain);
}

static bool home(void *arg, str user, bool is_phone_number, int64_t cluster, str *fqdn)
{
	struct run *u = arg;
	if (is_phone_number || cluster == MSPL_ClusterType_BackupRegistrar || u->s->c.door.home == NULL)
		return true; /* numbers have no home here yet, and pools no backup */
	return u->s->c.door.home(u->s->c.arg, user, &u->in->arena, fqdn);
}

static bool endpoint(void *arg, str user, size_t at, struct mspl_endpoint *e, bool *is_there)
{
	struct run *u = arg;
	*is_there = false;
	return u->s->c.door.endpoint == NULL || u->s->c.door.endpoint(u->s->c.arg, user, at, &u->in->arena, e, is_there);
}

static bool option(void *arg, str user, int64_t which, bool is_phone_number)
{
	struct run *u = arg;
	return !is_phone_number && u->s->c.door.option != NULL && u->s->c.door.option(u->s->c.arg, user, which);
}

static bool field(void *arg, unsigned file, str key, unsigned column, str *value)
{
	const struct run *u = arg;
	return mspl_table_find(u->app->tables[file], key, column, value);
}

static void on_log(void *arg, str level, str detail, str text)
{
	static const struct {
		const char *word;
		enum log_id event;
	} rows[] = { { "Event", EV_SCRIPT_SAYS }, { "Error", EV_SCRIPT_ERROR } };
	const struct run *u = arg;
	enum log_id event = EV_SCRIPT_DEBUG;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		event = str_eq_case(level, str_of(rows[i].word)) ? rows[i].event : event;
	const struct log_field fields[] = { LOG_REQ(u->in->request), LOG_STR("application", u->app->identity), LOG_STR("detail", detail),
		LOG_STR("text", str_cut(text, 0, 1024)), { .key = NULL } };
	log_write(u->s->c.log, event, fields);
}

static void step(void *arg, uint32_t line, const char *what, const struct mspl_value *result)
{
	const struct run *u = arg;
	char text[200] = "";
	if (u->s->watch.step == NULL)
		return;
	if (result != NULL && result->type != MSPL_NULL)
		(void)mspl_print(result, text, sizeof text);
	u->s->watch.step(u->s->watch.arg, u->app->identity, line, what, text);
}

const struct mspl_world script_world = { .get = get, .set = set, .header = header, .header_add = header_add, .header_remove = header_remove,
	.header_set = header_set, .is_domain = is_domain, .home = home, .endpoint = endpoint, .option = option, .field = field, .log = on_log, .step = step };
