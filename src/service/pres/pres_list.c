/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription to presence is told: categories of one user, of several in a list (RFC 4662), or PIDF. */
#include "service/pres/pres_list.h"

#include <stdio.h>

#include "base/crypt.h"
#include "base/enc.h"
#include "wire/xml.h"

#define NS    "http://schemas.microsoft.com/2006/09/sip/"
#define PIECE 131072 /* bytes of one notification, about: a long list is told in several */

static void add_uri(struct buf *out, str aor)
{
	buf_add(out, STR("sip:"));
	if (!xml_add_escaped(out, aor, true))
		out->failed = true;
}

static bool add_categories(struct resource *one, bool is_whole, struct buf *out)
{
	buf_add(out, STR("<categories xmlns=\"" NS "categories\" uri=\""));
	add_uri(out, resource_aor(one));
	buf_add(out, STR("\">"));
	bool any = pres_watch_print(one->watch, is_whole || one->is_new, out);
	buf_add(out, STR("</categories>"));
	one->is_pending = one->is_new = false;
	return any;
}

static bool is_to_be_told(const struct resource *one)
{
	return one->watch == NULL ? one->is_new : pres_watch_is_ready(one->watch) && (one->is_new || one->is_pending);
}

/* "list" and the addresses name the parts; clients drop the last bytes of a part that does not end with a line of its own. */
static void add_part(struct buf *out, const char *boundary, str id, const char *type)
{
	buf_printf(out, "--%s\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <%.*s>\r\nContent-Type: %s\r\n\r\n", boundary, STR_FMT(id), type);
}

static void add_instance(struct resource *one, struct buf *out)
{
	buf_add(out, STR("<resource uri=\""));
	add_uri(out, resource_aor(one));
	if (one->watch == NULL) {
		buf_add(out, STR("\"><instance id=\"0\" state=\"terminated\" reason=\"noresource\" statusCode=\"404\"/></resource>"));
		return;
	}
	buf_add(out, STR("\"><instance id=\"0\" state=\"active\" cid=\""));
	if (!xml_add_escaped(out, resource_aor(one), true))
		out->failed = true;
	buf_add(out, STR("\"/></resource>"));
}

static void add_list(struct event *e, const char *boundary, struct buf *out)
{
	add_part(out, boundary, STR("list"), "application/rlmi+xml");
	buf_add(out, STR("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\""));
	add_uri(out, watcher_of(e));
	buf_printf(out, "\" version=\"%u\" fullState=\"false\">", e->version++);
	for (size_t i = 0; i < e->n; i++)
		if (e->resources[i]->is_chosen)
			add_instance(e->resources[i], out);
	buf_add(out, STR("</list>\r\n\r\n"));
}

/* The parts of those who are told now; false: there are more. */
static bool add_parts(struct event *e, const char *boundary, struct buf *out)
{
	for (size_t i = 0; i < e->n; i++) {
		struct resource *one = e->resources[i];
		if (is_to_be_told(one) && out->n > PIECE)
			return false;
		one->is_chosen = is_to_be_told(one);
		if (!one->is_chosen)
			continue;
		if (one->watch != NULL) {
			add_part(out, boundary, resource_aor(one), PRES_CATEGORIES_TYPE);
			(void)add_categories(one, false, out);
			buf_add(out, STR("\r\n\r\n"));
		}
		one->is_pending = one->is_new = false;
	}
	return true;
}

static err print_list(struct event *e, struct notification *n)
{
	struct buf parts DEFER(buf_fini) = { 0 };
	uint8_t random[PRES_BOUNDARY / 2];
	char boundary[PRES_BOUNDARY + 1] = "";
	crypt_random(random, sizeof random);
	enc_hex(random, sizeof random, boundary);
	buf_init(&parts, PIECE + 2 * PRES_VIEW_MAX);
	for (size_t i = 0; i < e->n; i++)
		e->resources[i]->is_chosen = false;
	bool is_all = add_parts(e, boundary, &parts);
	ENSURE(!parts.failed, CEILING);
	add_list(e, boundary, &n->body);
	buf_add(&n->body, buf_str(&parts));
	buf_printf(&n->body, "--%s--\r\n", boundary);
	int len = snprintf(e->type, sizeof e->type, PRES_LIST_TYPE "%s", boundary);
	n->type = (str){ e->type, (size_t)len };
	n->require = STR("eventlist");
	if (!is_all)
		notifier_tell(e->subscription);
	return OK;
}

static size_t count_told(const struct event *e, struct resource **last)
{
	size_t n = 0;
	for (size_t i = 0; i < e->n; i++)
		if (is_to_be_told(e->resources[i])) {
			n++;
			*last = e->resources[i];
		}
	return n;
}

/* A change of one user needs no list. */
static err tell_list(struct event *e, bool is_whole, struct notification *n)
{
	struct resource *last = NULL;
	for (size_t i = 0; i < e->n && is_whole; i++)
		e->resources[i]->is_new = true;
	size_t told = count_told(e, &last);
	ENSURE(told != 0 || is_whole, ABSENT);
	if (told == 1 && !is_whole && last->watch != NULL) {
		n->type = STR(PRES_CATEGORIES_TYPE);
		return add_categories(last, false, &n->body) ? OK : ERR(ABSENT);
	}
	return print_list(e, n);
}

static err tell_one(struct event *e, bool is_whole, struct notification *n)
{
	struct resource *one = e->resources[0];
	ENSURE(one->watch != NULL && pres_watch_is_ready(one->watch), ABSENT);
	if (e->is_pidf) {
		n->type = STR(PRES_PIDF_TYPE);
		one->is_pending = one->is_new = false;
		return pres_pidf_print(one->watch, &n->body);
	}
	n->type = STR(PRES_CATEGORIES_TYPE);
	return add_categories(one, is_whole, &n->body) ? OK : ERR(ABSENT);
}

err pres_event_tell(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct event *e = s->subject;
	(void)arg;
	return e->is_list ? tell_list(e, is_whole, n) : tell_one(e, is_whole, n);
}
