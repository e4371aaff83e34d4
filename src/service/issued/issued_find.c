/* SPDX-License-Identifier: Apache-2.0 */
/* By serial number: numbers of entries in a table with open addressing, at most half full. What was added since the last look goes in first. */
#include "service/issued.h"

#include <stdlib.h>
#include <string.h>

/* Serial numbers in it are random and our own: a stranger who chooses what is looked for cannot choose where they stand. */
static size_t place_of(const struct issued_list *l, const char *serial)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */
	for (const char *c = serial; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 0x100000001b3;
	return (size_t)(h ^ h >> 32) & (l->n_places - 1);
}

/* Its place, or the free one where it would stand. */
static uint32_t *look(const struct issued_list *l, const char *serial)
{
	size_t i = place_of(l, serial);
	while (l->places[i] != 0 && strcmp(l->all[l->places[i] - 1].revoked.serial, serial) != 0)
		i = (i + 1) & (l->n_places - 1);
	return &l->places[i];
}

static bool make_room(struct issued_list *l)
{
	size_t n = l->n_places != 0 ? l->n_places : 256;
	while (n < 2 * l->n)
		n *= 2;
	if (n == l->n_places)
		return true;
	uint32_t *places = calloc(n, sizeof *places);
	if (places == NULL)
		return false;
	free(l->places);
	l->places = places;
	l->n_places = n;
	l->n_placed = 0;
	return true;
}

err issued_find(struct issued_list *l, const char *serial, const struct issued **out)
{
	*out = NULL;
	ENSURE(make_room(l), NO_MEMORY);
	for (; l->n_placed < l->n; l->n_placed++)
		*look(l, l->all[l->n_placed].revoked.serial) = (uint32_t)(l->n_placed + 1);
	const uint32_t *place = look(l, serial);
	ENSURE(*place != 0, ABSENT);
	*out = &l->all[*place - 1];
	return OK;
}
