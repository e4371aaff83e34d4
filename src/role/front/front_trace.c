/* SPDX-License-Identifier: Apache-2.0 */
/* Showing the messages of one user or one address to an administrator, without what would let him sign in as that user. */
#include "role/front/front_priv.h"

#include <stdio.h>

/* Values that are proofs or lead to them. Everything between the name and the next comma or line end is covered. */
static const str secrets[] = { STR("response="), STR("cnonce="), STR("nonce=") };

/* Filters: "user:ann@example.test" (also with sip: before the address) or "address:192.0.2.1". */
void front_trace_set(struct front *f, uint32_t id, str filter, bool on)
{
	unsigned i = 0;
	while (i < f->n_traces && f->traces[i].id != id)
		i++;
	if (!on) {
		if (i < f->n_traces)
			f->traces[i] = f->traces[--f->n_traces];
		return;
	}
	if (i == FRONT_TRACES)
		return;
	str value, kind = str_split(filter, ':', &value);
	struct front_trace *t = &f->traces[i];
	*t = (struct front_trace){ .id = id, .on = true, .by_address = str_eq_case(kind, STR("address")) };
	if (str_begins_case(value, STR("sip:")))
		value = str_cut(value, 4, value.n);
	(void)str_to_z(value, t->text, sizeof t->text);
	f->n_traces += i == f->n_traces ? 1 : 0;
}

/* Does the header part name the user? Slow and simple: nobody traces for long. */
static bool names(str bytes, str aor)
{
	const char *end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);
	size_t n = end != NULL ? (size_t)(end - bytes.p) : bytes.n;
	for (size_t i = 0; i + aor.n <= n; i++)
		if (str_eq_case((str){ bytes.p + i, aor.n }, aor))
			return true;
	return false;
}

static bool matches(const struct front_trace *t, const struct addr *peer, str bytes)
{
	char text[ADDR_TEXT];
	if (t->by_address)
		return str_eq_case(str_of(addr_print(peer, text)), str_of(t->text));
	return names(bytes, str_of(t->text));
}

static bool is_name_end(char c)
{
	return c == ' ' || c == ',' || c == '\t' || c == '\n';
}

/* How long the secret is that begins at p (its name included), 0 if there is none; only in credential fields. */
static size_t secret_at(str line, size_t i)
{
	for (size_t k = 0; k < sizeof secrets / sizeof secrets[0]; k++) {
		if (!str_begins_case(str_cut(line, i, line.n), secrets[k]) || (i != 0 && !is_name_end(line.p[i - 1])))
			continue;
		return secrets[k].n;
	}
	return 0;
}

static void mask_line(str line, struct buf *out)
{
	for (size_t i = 0; i < line.n;) {
		size_t name = secret_at(line, i);
		if (name == 0) {
			buf_add_char(out, line.p[i++]);
			continue;
		}
		buf_add(out, str_cut(line, i, i + name));
		buf_add(out, STR("***"));
		for (i += name; i < line.n && line.p[i] != ',' && line.p[i] != '\r' && line.p[i] != '\n';)
			i++;
	}
}

static void mask(str bytes, struct buf *out)
{
	while (bytes.n != 0) {
		size_t n = str_find_char(bytes, '\n');
		str line = str_cut(bytes, 0, n + 1);
		if (str_begins_case(line, STR("Authorization")) || str_begins_case(line, STR("Proxy-Auth")) ||
			str_begins_case(line, STR("WWW-Auth")) || line.p[0] == ' ' || line.p[0] == '\t')
			mask_line(line, out);
		else
			buf_add(out, line);
		bytes = str_cut(bytes, line.n, bytes.n);
	}
}

void front_trace(struct front *f, const struct addr *peer, uint64_t request, bool outgoing, str bytes)
{
	char host[ADDR_TEXT], text[ADDR_TEXT + 8];
	struct buf masked DEFER(buf_fini) = { 0 };
	if (f->vault == NULL)
		return;
	buf_init(&masked, 4u << 20);
	mask(bytes, &masked);
	int n = snprintf(text, sizeof text, "%s:%u", addr_print_host(peer, host), peer->port);
	for (unsigned i = 0; i < f->n_traces; i++)
		if (matches(&f->traces[i], peer, bytes))
			(void)failed(ipc_send_trace(f->vault,
				&(const struct ipc_trace){ .id = f->traces[i].id, .request = request, .outgoing = outgoing,
					.peer = { text, (size_t)n }, .bytes = buf_str(&masked) },
				-1));
}
