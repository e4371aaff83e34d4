/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's own list of names (hosts(5)): an Edge or a reverse proxy may not ask the name servers inside. */
#include "os/dns/dns_priv.h"

#include <fcntl.h>
#include <unistd.h>

static str next_word(str *line)
{
	size_t from = 0, to;
	while (from < line->n && (line->p[from] == ' ' || line->p[from] == '\t'))
		from++;
	for (to = from; to < line->n && line->p[to] != ' ' && line->p[to] != '\t';)
		to++;
	str word = str_cut(*line, from, to);
	*line = str_cut(*line, to, line->n);
	return word;
}

void dns_hosts_each(str text, void (*fn)(void *arg, str name, const struct addr *a), void *arg)
{
	while (text.n != 0) {
		str comment, line = str_trim(str_split(str_split(text, '\n', &text), '#', &comment));
		struct addr a;
		str word = next_word(&line);
		if (word.n == 0 || failed(addr_parse(word, 0, &a)))
			continue;
		while ((word = next_word(&line)).n != 0)
			fn(arg, word, &a);
	}
}

err dns_hosts_read(const char *path, struct buf *out)
{
	char part[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ENSURE(fd >= 0, ABSENT);
	while ((n = read(fd, part, sizeof part)) > 0)
		buf_add(out, (str){ part, (size_t)n });
	(void)close(fd);
	return n == 0 && !out->failed ? OK : ERR(CEILING);
}
