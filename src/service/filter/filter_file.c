/* SPDX-License-Identifier: Apache-2.0 */
/* How a file is offered, in each of the ways that clients have, and what it is called. */
#include "service/filter/filter_priv.h"

#include "wire/filename.h"

/* Is a file of this name refused? */
static err judge(const struct filter_look *l, str name)
{
	ENSURE(!str_eq(l->file->Action, STR("BlockAll")), FILTER_FILE);
	ENSURE(!filename_has(name, l->file->Extensions.p, l->file->Extensions.n), FILTER_FILE);
	return OK;
}

/* Is any file at all offered, of which the name is not known? */
static err judge_any(const struct filter_look *l)
{
	ENSURE(!str_eq(l->file->Action, STR("BlockAll")), FILTER_FILE);
	return OK;
}

/* ---- text/x-msmsgsinvite: lines "Application-File: a.exe" ---- */

static err read_invite(const struct filter_look *l, str body)
{
	while (body.n != 0) {
		str value, line = str_split(body, '\n', &body), name = str_trim(str_split(line, ':', &value));
		if (str_eq_case(name, STR("Application-File")))
			TRY(judge(l, str_trim(value)));
	}
	return OK;
}

/* ---- XML: [MS-OCSMP] fileInfo/name, and RCS file transfer over HTTP ---- */

static bool is_name(const struct xml_node *n)
{
	return str_eq(n->name, STR("file-name")) || (str_eq(n->name, STR("name")) && n->parent != NULL && str_eq(n->parent->name, STR("fileInfo")));
}

/* The next in the order of the document; without recursion, since it is somebody else's. */
static const struct xml_node *next_node(const struct xml_node *n)
{
	if (n->first != NULL)
		return n->first;
	while (n != NULL && n->next == NULL)
		n = n->parent;
	return n != NULL ? n->next : NULL;
}

static err read_xml(const struct filter_look *l, str body)
{
	struct xml_node *root;
	ENSURE(!failed(xml_tree_read(l->filter->xml, body, NULL, l->arena, &root, NULL)), SIP_MEDIA_TYPE);
	for (const struct xml_node *n = root; n != NULL; n = next_node(n))
		if (is_name(n))
			TRY(judge(l, xml_node_text(n, l->arena)));
	return OK;
}

/* ---- SDP: file-selector (RFC 5547 6), and media that are files ---- */

/* name:"a b.exe" type:... ; quotes and % are written as %22 and %25 */
static str selector_name(str value)
{
	for (size_t i = 0; i + 6 <= value.n; i++)
		if (str_begins(str_cut(value, i, value.n), STR("name:\""))) {
			str name = str_cut(value, i + 6, value.n);
			return str_cut(name, 0, str_find_char(name, '"'));
		}
	return STR("");
}

static err read_line(const struct filter_look *l, str line)
{
	static const char media[][24] = { "m=x-ms-filetransfer ", "m=filetransfer ", "m=data " };
	char room[1024];
	if (str_begins_case(line, STR("a=file-selector:"))) {
		str name = selector_name(line);
		return judge(l, (str){ room, filename_unescape(name, room, sizeof room) });
	}
	for (size_t i = 0; i < sizeof media / sizeof *media; i++)
		if (str_begins_case(line, str_of(media[i])))
			return judge_any(l);
	return OK;
}

static err read_sdp(const struct filter_look *l, str body)
{
	while (body.n != 0)
		TRY(read_line(l, str_trim(str_split(body, '\n', &body))));
	return OK;
}

static const struct {
	char type[48];
	err (*read)(const struct filter_look *l, str body);
} readers[] = {
	{ "application/sdp", read_sdp },
	{ "text/x-msmsgsinvite", read_invite },
	{ "application/ms-filetransfer+xml", read_xml },
	{ "application/vnd.gsma.rcs-ft-http+xml", read_xml },
};

err filter_invitation(const struct filter_look *l, str type, str body)
{
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
		if (str_eq_case(type, str_of(readers[i].type)))
			return readers[i].read(l, body);
	return OK;
}
