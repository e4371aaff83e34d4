/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS by libcurl: one connection that stays open, a request at a time. */
#include "prog/witan/remote.h"

#include "base/mem.h"
#include "os/file.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ANSWER_MOST = 512 << 20, CERTIFICATE_MOST = 1 << 20, CONNECT_SECONDS = 10, QUIET_SECONDS = 150 /* longer than web waits for vault */ };

struct remote {
	struct link link; /* first */
	CURL *curl;
	json_t *answers; /* received and not taken yet */
	struct buf in;
	char base[1024]; /* "https://uc.example.test:4443" */
	char reason[CURL_ERROR_SIZE];
	bool presents; /* a certificate */
};

/* ---- one request ---- */

struct request {
	const char *method;
	char path[128];
	json_t *body; /* NULL: none */
};

static err make_request(struct request *q, const char *command, json_t *parameters, json_t *input)
{
	*q = (struct request){ .method = "POST", .path = "/api/v1/session" };
	if (strcmp(command, "sign-in") == 0) {
		q->body = json_incref(parameters);
		return OK;
	}
	if (strcmp(command, "sign-out") == 0 || strcmp(command, "session") == 0) {
		q->method = command[1] == 'i' ? "DELETE" : "GET";
		return OK;
	}
	(void)snprintf(q->path, sizeof q->path, "/api/v1/cmdlets/%.80s", command);
	q->body = json_pack("{s:O*,s:O*}", "parameters", parameters, "input", input);
	return q->body != NULL ? OK : ERR(NO_MEMORY);
}

static size_t on_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct remote *r = arg;
	buf_add(&r->in, (str){ p, size * n });
	return r->in.failed ? 0 : size * n;
}

static struct curl_slist *make_fields(const struct remote *r)
{
	char text[LINK_SESSION + 32];
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json");
	if (r->link.session[0] == '\0' || fields == NULL)
		return fields;
	(void)snprintf(text, sizeof text, "Authorization: Bearer %s", r->link.session);
	struct curl_slist *more = curl_slist_append(fields, text);
	explicit_bzero(text, sizeof text);
	return more != NULL ? more : fields;
}

/* The reasons that people meet, each with what helps. */
static err explain(const struct remote *r, CURLcode rc, struct diag *d)
{
	const char *reason = r->reason[0] != '\0' ? r->reason : curl_easy_strerror(rc);
	const char *remedy = "is the address right, and does the server run?";
	err e = ERR(ABSENT);
	if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE) {
		remedy = "name the server as its certificate does; --ca FILE says whom to trust (ca.pem of the deployment)";
		e = ERR(REFUSED);
	} else if (rc == CURLE_SSL_CERTPROBLEM) {
		remedy = "is it PEM with its key, or PKCS #12, and is the password of the file right?";
		e = ERR(REFUSED);
	} else if (r->presents && (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_SSL_CONNECT_ERROR || rc == CURLE_GOT_NOTHING)) {
		/* By TLS 1.3 this side is done before the other one has looked at the certificate. Its alert may come after our request could not be
		 * written any more, and is then not heard. */
		remedy = "the server may have refused the certificate: its log says why (tls.failed)";
		e = ERR(REFUSED);
	} else if (rc == CURLE_OPERATION_TIMEDOUT) {
		e = ERR(TIMEOUT);
	} else if (rc == CURLE_WRITE_ERROR) {
		return diag_fail(d, ERR(CEILING), r->base, "ask for less", "the answer is too large");
	}
	return diag_fail(d, e, r->base, remedy, "%s", reason);
}

static err perform(struct remote *r, const struct request *q, const char *body, struct diag *d)
{
	char url[sizeof r->base + sizeof q->path];
	struct curl_slist *fields = make_fields(r);
	(void)snprintf(url, sizeof url, "%s%s", r->base, q->path);
	buf_reset(&r->in);
	r->reason[0] = '\0';
	(void)curl_easy_setopt(r->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, fields);
	(void)curl_easy_setopt(r->curl, CURLOPT_CUSTOMREQUEST, q->method);
	(void)curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, body);
	if (body == NULL)
		(void)curl_easy_setopt(r->curl, CURLOPT_HTTPGET, 1L);
	CURLcode rc = curl_easy_perform(r->curl);
	(void)curl_easy_setopt(r->curl, CURLOPT_FRESH_CONNECT, 0L);
	(void)curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, NULL);
	for (struct curl_slist *f = fields; f != NULL; f = f->next)
		explicit_bzero(f->data, strlen(f->data));
	curl_slist_free_all(fields);
	return rc == CURLE_OK ? OK : explain(r, rc, d);
}

static err keep_answer(struct remote *r, struct diag *d)
{
	json_t *answer = json_loadb(r->in.p != NULL ? r->in.p : "", r->in.n, 0, NULL);
	if (!json_is_boolean(json_object_get(answer, "ok"))) {
		json_decref(answer);
		return diag_fail(d, ERR(MALFORMED), r->base, "is this the management interface of a Witan server?", "the answer is not one of Witan's");
	}
	return json_array_append_new(r->answers, answer) == 0 ? OK : ERR(NO_MEMORY);
}

static err send_remote(struct link *l, const char *command, json_t *parameters, json_t *input, struct diag *d)
{
	struct remote *r = (struct remote *)l;
	struct request q;
	TRY(make_request(&q, command, parameters, input));
	char *body = q.body != NULL ? json_dumps(q.body, JSON_COMPACT) : NULL;
	err e = q.body == NULL || body != NULL ? perform(r, &q, body, d) : ERR(NO_MEMORY);
	if (body != NULL)
		explicit_bzero(body, strlen(body));
	free(body);
	json_decref(q.body);
	if (!failed(e))
		e = keep_answer(r, d);
	if (r->in.p != NULL)
		explicit_bzero(r->in.p, r->in.size); /* a session, perhaps */
	return e;
}

static err receive_remote(struct link *l, json_t **answer, struct diag *d)
{
	struct remote *r = (struct remote *)l;
	json_t *first = json_array_get(r->answers, 0);
	if (first == NULL)
		return diag_fail(d, ERR(CLOSED), r->base, "", "no answer is to come");
	*answer = json_incref(first);
	(void)json_array_remove(r->answers, 0);
	return OK;
}

static void close_remote(struct link *l)
{
	struct remote *r = (struct remote *)l;
	curl_easy_cleanup(r->curl);
	json_decref(r->answers);
	buf_fini(&r->in);
	explicit_bzero(l->session, sizeof l->session);
	free(r);
}

/* ---- a certificate of one's own ---- */

err remote_look_at(const char *file, bool *is_pem, bool *is_sealed, struct diag *d)
{
	struct buf text;
	err e = file_read(AT_FDCWD, file, CERTIFICATE_MOST, &text, d);
	str s = buf_str(&text);
	bool pem = s.n != 0 && memmem(s.p, s.n, "-----BEGIN ", 11) != NULL;
	if (is_pem != NULL)
		*is_pem = pem;
	if (is_sealed != NULL)
		*is_sealed = !pem || memmem(s.p, s.n, "ENCRYPTED", 9) != NULL;
	if (text.p != NULL)
		explicit_bzero(text.p, text.size);
	buf_fini(&text);
	return e;
}

/* The connection so far has shown none: a new one is made. */
static err present_remote(struct link *l, const struct link_certificate *c, struct diag *d)
{
	struct remote *r = (struct remote *)l;
	bool pem = false;
	TRY(remote_look_at(c->file, &pem, NULL, d));
	if (c->key != NULL)
		TRY(remote_look_at(c->key, NULL, NULL, d));
	CURLcode rc = curl_easy_setopt(r->curl, CURLOPT_SSLCERT, c->file);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(r->curl, CURLOPT_SSLCERTTYPE, pem ? "PEM" : "P12");
	if (rc == CURLE_OK && (pem || c->key != NULL))
		rc = curl_easy_setopt(r->curl, CURLOPT_SSLKEY, c->key != NULL ? c->key : c->file);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(r->curl, CURLOPT_KEYPASSWD, c->secret);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(r->curl, CURLOPT_FRESH_CONNECT, 1L);
	r->presents = rc == CURLE_OK;
	return rc == CURLE_OK ? OK : ERR(NO_MEMORY);
}

static const struct link_kind kind = { send_remote, receive_remote, present_remote, close_remote };

/* ---- opening ---- */

/* Without user, path or query, so that nothing of them gets into a request or a log. */
static err take_url(struct remote *r, const char *url, struct diag *d)
{
	str s = str_of(url);
	while (s.n != 0 && s.p[s.n - 1] == '/')
		s.n--;
	bool is_fine = str_begins_case(s, STR("https://")) && s.n > 8 && s.n < sizeof r->base;
	for (size_t i = 8; is_fine && i < s.n; i++)
		is_fine = strchr("/@?#\\ ", s.p[i]) == NULL && (unsigned char)s.p[i] > ' ';
	if (!is_fine)
		return diag_fail(d, ERR(USAGE), "--server", "write https://NAME:PORT", "\"%.100s\" is no address of a server", url);
	(void)str_to_z(s, r->base, sizeof r->base);
	(void)str_to_z(s, r->link.name, sizeof r->link.name);
	return OK;
}

/* One session for each certificate: who shows another one is somebody else. */
static err name_after_certificate(struct remote *r, const char *file, struct diag *d)
{
	char *path = realpath(file, NULL);
	size_t n = strlen(r->link.name);
	if (path == NULL)
		return diag_fail(d, ERR(ABSENT), file, "name the file of the certificate", "the file cannot be read");
	int length = snprintf(r->link.name + n, sizeof r->link.name - n, " with %s", path);
	free(path);
	return length > 0 && (size_t)length < sizeof r->link.name - n ? OK : ERR(CEILING);
}

static err set_ca(struct remote *r, const struct remote_options *o, struct diag *d)
{
	char path[4096];
	if (o->ca != NULL && access(o->ca, R_OK) != 0)
		return diag_fail(d, ERR(ABSENT), o->ca, "name the file of the authority that issued the server's certificate", "the file cannot be read");
	(void)snprintf(path, sizeof path, "%s/ca.pem", o->dir != NULL ? o->dir : "");
	const char *ca = o->ca != NULL ? o->ca : o->dir != NULL && access(path, R_OK) == 0 ? path : NULL;
	if (ca != NULL)
		(void)curl_easy_setopt(r->curl, CURLOPT_CAPATH, NULL); /* only this one: not also whom the system trusts */
	if (ca != NULL && curl_easy_setopt(r->curl, CURLOPT_CAINFO, ca) != CURLE_OK)
		return ERR(NO_MEMORY);
	return OK;
}

static void set_rules(struct remote *r)
{
	CURL *c = r->curl;
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed one would bring no certificate along */
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)QUIET_SECONDS);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "witan/" WITAN_VERSION);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->reason);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
}

err remote_open(const char *url, const struct remote_options *o, struct link **out, struct diag *d)
{
	struct remote *r = calloc(1, sizeof *r);
	ENSURE(r != NULL, NO_MEMORY);
	r->link.kind = &kind;
	r->curl = curl_easy_init();
	r->answers = json_array();
	buf_init(&r->in, ANSWER_MOST);
	err e = r->curl != NULL && r->answers != NULL ? take_url(r, url, d) : ERR(NO_MEMORY);
	if (!failed(e))
		set_rules(r);
	if (!failed(e))
		e = set_ca(r, o, d);
	if (!failed(e) && o->cert != NULL)
		e = name_after_certificate(r, o->cert, d);
	if (failed(e))
		close_remote(&r->link);
	else
		*out = &r->link;
	return e;
}
