/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some builds of libxml2 2.9.14 in Debian 12 judge a SAX handler by its mark alone: marked as SAX2 but with only the
 * SAX1 call-backs set, as pidgin-sipe has it, it is never called, and every document seems empty. The function that the
 * plugin calls is therefore taken here first (the program exports it, and the linker looks in the program before the
 * library), and the mark of such a handler is taken off. With a library that has no such fault nothing changes: SAX1
 * call-backs are what the plugin wants.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>

typedef int parse_memory(xmlSAXHandlerPtr, void *, const char *, int);

/* The library's own, looked up once. A pointer to a function goes through memory, since C has no cast for it. */
static parse_memory *library(void)
{
	static parse_memory *found;
	if (!found) {
		void *symbol = dlsym(RTLD_NEXT, "xmlSAXUserParseMemory");
		if (!symbol)
			abort();
		memcpy(&found, &symbol, sizeof found);
	}
	return found;
}

static bool is_mismarked(const xmlSAXHandler *sax)
{
	return sax && sax->initialized == XML_SAX2_MAGIC && !sax->startElementNs && !sax->endElementNs;
}

__attribute__((visibility("default"))) int xmlSAXUserParseMemory(
	xmlSAXHandlerPtr sax, void *user, const char *text, int size)
{
	if (!is_mismarked(sax))
		return library()(sax, user, text, size);
	xmlSAXHandler plain = *sax;
	plain.initialized = 1;
	return library()(&plain, user, text, size);
}
