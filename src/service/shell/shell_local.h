/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_SHELL_LOCAL_H
#define WITAN_SERVICE_SHELL_LOCAL_H

#include "service/shell/shell_priv.h"

#define LOCAL(id, name, aliases, parameters, help, example) extern const struct shell_stage_ops shell_ops_##id;
#include "service/shell/shell_local.def"
#undef LOCAL

err shell_parameter_text(struct shell *sh, const struct shell_stage *st, const char *name, struct buf *scratch, str *out);
/* For cmdlets that need all their input before they begin. */
err shell_keep(struct shell *sh, struct shell_stage *st, json_t *v);
err shell_input(struct shell *sh, struct shell_stage *st, const char *parameter, json_t **out);
/* What would be shown, as text; columns as of shell_print. */
err shell_render(struct shell *sh, json_t *objects, unsigned columns, struct buf *out);
/* "the file is UTF-16" and its like; a mark of UTF-8 is taken away. */
err shell_read_text_file(struct shell *sh, str path, struct buf *out, str *text);

#endif
