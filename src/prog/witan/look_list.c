/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists over HTTP, each address once. */
#include "prog/witan/look_probe.h"

#include <stdlib.h>

enum { ANSWER_MS = 5000, CONNECT_MS = 5000, REDIRECTS = 3, LISTS_MAX = 256 };

struct fetch {
	struct look *look;
	struct buf *bytes;
	char (*reasons)[CURL_ERROR_SIZE];
};

static bool is_known(const struct look *l, str url)
{
	for (size_t i = 0; i < l->evidence->lists.n; i++)
		if (str_eq(l->evidence->lists.p[i].place, url))
			return true;
	return false;
}

static void add_urls(struct look *l, str der)
{
	struct cert_view view;
	if (failed(cert_view_read(der, l->arena, &view, NULL)))
		return;
	TOPO_EACH (url, view.crl_urls) {
		bool is_http = str_begins_case(*url, STR("http://")) || str_begins_case(*url, STR("https://"));
		if (is_http && url->n < 2000 && memchr(url->p, '\0', url->n) == NULL && !is_known(l, *url) && l->evidence->lists.n < LISTS_MAX)
			l->evidence->lists.p[l->evidence->lists.n++] = (struct check_list){ .place = *url };
	}
}

static size_t on_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;
	buf_add(b, (str){ p, size * n });
	return b->failed ? 0 : size * n;
}

/* Where --address says that a host is elsewhere, also for its lists. */
static struct curl_slist *make_pins(const struct look *l)
{
	struct curl_slist *pins = NULL;
	TOPO_EACH (one, l->addresses) {
		char pin[400];
		str address, name = str_split(*one, '=', &address);
		bool is_ip6 = str_find_char(address, ':') < address.n;
		(void)snprintf(pin, sizeof pin, "%.*s::%s%.*s%s:", STR_FMT(name), is_ip6 ? "[" : "", STR_FMT(address), is_ip6 ? "]" : "");
		struct curl_slist *more = curl_slist_append(pins, pin);
		pins = more != NULL ? more : pins;
	}
	return pins;
}

static void set_up(CURL *curl, const char *url, struct buf *out, char *reason, int64_t *until)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	probe_limit_curl(curl, ANSWER_MS, until);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
}

/* Nothing is left to be asked. */
static bool is_settled(const struct check_list *list)
{
	return list->is_closed || list->der.n > 0 || list->reason.n > 0;
}

static void fetch_one(void *arg, size_t i)
{
	struct fetch *f = arg;
	char url[2048];
	int64_t until;
	CURL *curl = curl_easy_init();
	buf_init(&f->bytes[i], CERT_CRL_MAX);
	if (is_settled(&f->look->evidence->lists.p[i]) || curl == NULL || !str_to_z(f->look->evidence->lists.p[i].place, url, sizeof url)) {
		curl_easy_cleanup(curl);
		return;
	}
	struct curl_slist *pins = make_pins(f->look);
	set_up(curl, url, &f->bytes[i], f->reasons[i], &until);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECT_TO, pins);
	CURLcode rc = curl_easy_perform(curl);
	if (rc != CURLE_OK) {
		if (f->reasons[i][0] == '\0')
			(void)snprintf(f->reasons[i], CURL_ERROR_SIZE, "%s", f->bytes[i].failed ? "it is too large" : curl_easy_strerror(rc));
		buf_reset(&f->bytes[i]);
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(pins);
}

static err keep(struct look *l, const struct fetch *f)
{
	for (size_t i = 0; i < l->evidence->lists.n; i++) {
		struct check_list *list = &l->evidence->lists.p[i];
		if (is_settled(list))
			continue;
		list->der = arena_copy(l->arena, buf_str(&f->bytes[i]));
		list->reason = arena_copy(l->arena, str_of(f->reasons[i][0] != '\0' ? f->reasons[i] : "the answer is empty"));
		ENSURE(list->der.p != NULL && list->reason.p != NULL, CEILING);
	}
	return OK;
}

err look_lists(struct look *l)
{
	l->evidence->lists.p = arena_alloc(l->arena, LISTS_MAX * sizeof *l->evidence->lists.p);
	ENSURE(l->evidence->lists.p != NULL, CEILING);
	for (size_t i = 0; i < l->evidence->seen.n; i++)
		if (l->evidence->seen.p[i].chain.n > 0)
			add_urls(l, l->evidence->seen.p[i].chain.p[0]);
	l->evidence->has_lists = true;
	size_t n = l->evidence->lists.n;
	if (n == 0)
		return OK;
	for (size_t i = 0; l->on_list != NULL && i < n; i++)
		TRY(l->on_list(l, &l->evidence->lists.p[i]));
	struct fetch f = { l, arena_zalloc(l->arena, n * sizeof *f.bytes), arena_zalloc(l->arena, n * sizeof *f.reasons) };
	ENSURE(f.bytes != NULL && f.reasons != NULL, CEILING);
	err e = look_each(n, fetch_one, &f, "revocation lists");
	if (!failed(e))
		e = keep(l, &f);
	for (size_t i = 0; i < n; i++)
		buf_fini(&f.bytes[i]);
	return e;
}
