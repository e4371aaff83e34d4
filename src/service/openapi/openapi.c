/* SPDX-License-Identifier: Apache-2.0 */
/* The document: what is the same in every server as text, cmdlets and kinds from their rows. */
#include "service/openapi.h"

#include "service/openapi/openapi_priv.h"

#define JSON_OF(schema) "{\"application/json\":{\"schema\":" schema "}}"
#define REF(name)       "{\"$ref\":\"#/components/schemas/" name "\"}"
#define REFUSED         "\"default\":{\"$ref\":\"#/components/responses/Refused\"}"
#define DONE(status, schema) "\"" status "\":{\"description\":\"done\",\"content\":" JSON_OF(schema) "}"

/* ---- what does not follow from rows ---- */

static const char beginning[] =
	"{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Witan management interface\",\"version\":\"" WITAN_VERSION "\","
	"\"description\":\"Every cmdlet of the shell as a POST. An answer holds objects, or says why it was refused.\","
	"\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},"
	"\"servers\":[{\"url\":\"/\"}],\"security\":[{\"bearer\":[]},{\"cookie\":[],\"csrf\":[]}],\"paths\":{"
	"\"/healthz\":{\"get\":{\"operationId\":\"health\",\"summary\":\"whether the interface is there\",\"security\":[],"
	"\"responses\":{\"204\":{\"description\":\"it is\"}}}},"
	"\"/api/v1/openapi.json\":{\"get\":{\"operationId\":\"description\",\"summary\":\"this document\",\"security\":[],\"responses\":{"
	DONE("200", "{\"type\":\"object\"}") "}}},"
	"\"/api/v1/session\":{\"post\":{\"operationId\":\"sign-in\",\"summary\":\"starts a session\",\"security\":[],\"parameters\":[{\"name\":"
	"\"Witan-Cookie\",\"in\":\"header\",\"description\":\"1: the session becomes a cookie, and its CSRF token is in the answer\","
	"\"schema\":{\"type\":\"string\",\"enum\":[\"1\"]}}],\"requestBody\":{\"required\":true,\"content\":" JSON_OF(REF("SignIn")) "},"
	"\"responses\":{" DONE("201", REF("SessionAnswer")) "," REFUSED "}},"
	"\"get\":{\"operationId\":\"session\",\"summary\":\"who is signed in\",\"responses\":{" DONE("200", REF("SessionAnswer")) "," REFUSED "}},"
	"\"delete\":{\"operationId\":\"sign-out\",\"summary\":\"ends the session\",\"responses\":{" DONE("200", REF("Answer")) "," REFUSED "}}},"
	"\"/api/v1/cmdlets\":{\"get\":{\"operationId\":\"cmdlets\",\"summary\":\"names and help of all cmdlets\",\"responses\":{"
	DONE("200", REF("Answer")) "," REFUSED "}}}";

static const char components[] =
	"},\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
	"\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-witan\"},"
	"\"csrf\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"Witan-CSRF\"}},"
	"\"responses\":{\"Refused\":{\"description\":\"not done\",\"content\":" JSON_OF(REF("Refusal")) "}},\"schemas\":{"
	"\"Refusal\":{\"type\":\"object\",\"required\":[\"ok\",\"error\",\"what\",\"where\",\"remedy\"],\"properties\":{\"ok\":{\"const\":false},"
	"\"error\":{\"type\":\"string\",\"description\":\"what programs tell it by\"},\"what\":{\"type\":\"string\",\"description\":\"why it was refused\"},"
	"\"where\":{\"type\":\"string\",\"description\":\"the part of the request that is meant\"},"
	"\"remedy\":{\"type\":\"string\",\"description\":\"what to do about it\"}," "\"warnings\":" REF("Texts") "}},"
	"\"Texts\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
	"\"Answer\":{\"type\":\"object\",\"required\":[\"ok\",\"objects\"],\"properties\":{\"ok\":{\"const\":true},"
	"\"objects\":{\"type\":\"array\",\"items\":{}},\"kind\":{\"type\":\"string\"},\"warnings\":" REF("Texts") ",\"verbose\":" REF("Texts") "}},"
	"\"SignIn\":{\"type\":\"object\",\"additionalProperties\":false,\"description\":\"User and Password; neither is needed over a connection with a client "
	"certificate\",\"properties\":{\"User\":{\"type\":\"string\",\"description\":\"SIP address\"},\"Password\":{\"type\":\"string\",\"format\":\"password\"},"
	"\"Code\":{\"type\":\"string\",\"description\":\"one-time code; the error CODE_NEEDED asks for it\"}}},"
	"\"SessionAnswer\":{\"type\":\"object\",\"required\":[\"ok\",\"objects\"],\"properties\":{\"ok\":{\"const\":true},\"objects\":{\"type\":"
	"\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"Session\":{\"type\":\"string\"},\"CSRF\":{\"type\":\"string\"},"
	"\"User\":{\"type\":\"string\"},\"Certificate\":{\"type\":\"string\"},\"IdleSeconds\":{\"type\":\"integer\"},\"ExpiresAt\":{\"type\":\"string\",\"format\":\"date-time\"}}}}}},"
	"\"ListModifier\":{\"type\":\"object\",\"description\":\"changes a list instead of replacing it\",\"additionalProperties\":false,"
	"\"properties\":{\"Add\":{\"type\":\"array\"},\"Remove\":{\"type\":\"array\"},\"Replace\":{\"type\":\"array\"}}}";

/* ---- a cmdlet ---- */

static bool is_first_of_its_name(const struct cmd *c, size_t i, const char *name)
{
	struct cmd_param p;
	for (size_t k = 0; k < i && cmd_param_at(c, k, &p); k++)
		if (strcmp(p.name, name) == 0)
			return false;
	return true;
}

static void put_params(struct buf *b, const struct cmd *c)
{
	struct cmd_param p;
	put_key(b, "properties");
	put_open(b, '{');
	for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
		if (!is_first_of_its_name(c, i, p.name))
			continue;
		put_key(b, p.name);
		if (p.is_common)
			put_ref(b, p.name);
		else
			put_param_schema(b, &p);
	}
	put_close(b, '}');
}

/* Answers whether there was any. */
static bool put_required(struct buf *b, const struct cmd *c)
{
	struct cmd_param p;
	bool any = false;
	for (size_t i = 0; cmd_param_at(c, i, &p); i++) {
		if (!p.required || !is_first_of_its_name(c, i, p.name))
			continue;
		if (!any) {
			put_key(b, "required");
			put_open(b, '[');
		}
		any = true;
		put_next(b);
		put_text(b, p.name);
	}
	if (any)
		put_close(b, ']');
	return any;
}

/* {"parameters":{...},"input":...} */
static void put_body(struct buf *b, const struct cmd *c)
{
	buf_add(b, STR("{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"additionalProperties\":false,"
		       "\"properties\":{\"parameters\":{\"type\":\"object\",\"additionalProperties\":false"));
	put_params(b, c);
	bool any = put_required(b, c);
	buf_add(b, STR("},\"input\":{\"description\":\"an object or objects that the cmdlet takes as from a pipe\"}}"));
	if (any)
		buf_add(b, STR(",\"required\":[\"parameters\"]"));
	buf_add(b, STR("}}}}"));
}

static void put_answer(struct buf *b, const struct cmd *c)
{
	buf_add(b, STR("{\"200\":{\"description\":\"done\",\"content\":{\"application/json\":{\"schema\":"));
	if (c->kind == NULL || c->id == CMD_GRANT) {
		put_ref(b, "Answer");
	} else {
		buf_add(b, STR("{\"allOf\":[" REF("Answer") ",{\"properties\":{\"objects\":{\"items\":"));
		put_ref(b, c->kind->name);
		buf_add(b, STR("}}}]}"));
	}
	buf_add(b, STR("}}}," REFUSED "}"));
}

static const char *noun_of(const char *name)
{
	const char *dash = strchr(name, '-');
	return dash != NULL ? dash + 1 : name;
}

static void put_cmdlet(struct buf *b, const struct cmd *c)
{
	put_next(b);
	buf_printf(b, "\"/api/v1/cmdlets/%s\":{\"post\":{", c->name);
	put_pair(b, "operationId", c->name);
	put_pair(b, "summary", c->help);
	put_key(b, "tags");
	put_open(b, '[');
	put_text(b, noun_of(c->name));
	put_close(b, ']');
	put_key(b, "requestBody");
	put_body(b, c);
	put_key(b, "responses");
	put_answer(b, c);
	buf_add(b, STR("}}"));
}

/* ---- components ---- */

/* Parameters that every writing cmdlet has: found at the first that has them all. */
static void put_common(struct buf *b)
{
	struct cmd_param p;
	const struct cmd *c = NULL;
	for (size_t i = 0; (c = cmd_at(i)) != NULL && !cmd_has(c, CMD_WRITES); i++)
		;
	for (size_t i = 0; c != NULL && cmd_param_at(c, i, &p); i++) {
		if (!p.is_common)
			continue;
		put_key(b, p.name);
		put_param_schema(b, &p);
	}
}

static void put_kind(struct buf *b, const struct schema_kind *k)
{
	put_key(b, k->name);
	put_open(b, '{');
	put_pair(b, "type", "object");
	put_pair(b, "description", k->help);
	put_key(b, "properties");
	put_open(b, '{');
	buf_printf(b, "\"Identity\":{\"type\":\"string\",\"maxLength\":%d}", SCHEMA_IDENTITY_MAX);
	for (size_t i = 0; i < k->n_props; i++) {
		put_key(b, k->props[i].name);
		put_prop_schema(b, &k->props[i]);
	}
	put_close(b, '}');
	put_close(b, '}');
}

void openapi_print(struct buf *out)
{
	buf_add(out, (str){ beginning, sizeof beginning - 1 });
	for (size_t i = 0; cmd_at(i) != NULL; i++)
		put_cmdlet(out, cmd_at(i));
	buf_add(out, (str){ components, sizeof components - 1 });
	put_common(out);
	for (size_t i = 0; i < SCHEMA_N; i++)
		put_kind(out, &schema_kinds[i]);
	buf_add(out, STR("}}}\n"));
}

void openapi_cmdlets_print(struct buf *out)
{
	buf_add(out, STR("{\"ok\":true,\"objects\":["));
	for (size_t i = 0; cmd_at(i) != NULL; i++) {
		const struct cmd *c = cmd_at(i);
		put_open(out, '{');
		put_pair(out, "Name", c->name);
		put_pair(out, "Help", c->help);
		put_flag(out, "Writes", cmd_has(c, CMD_WRITES));
		put_close(out, '}');
	}
	buf_add(out, STR("]}\n"));
}
