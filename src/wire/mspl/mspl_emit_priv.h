/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_MSPL_EMIT_PRIV_H
#define WITAN_WIRE_MSPL_EMIT_PRIV_H

#include "wire/mspl/mspl_priv.h"

#define MSPL_NOWHERE UINT16_MAX

/* Where break and continue lead; the jumps that wait for the place are a chain in their arg. */
struct target {
	uint16_t breaks;    /* last of the chain; MSPL_NOWHERE */
	uint16_t turn;      /* a loop's next turn */
	bool is_loop;
};

struct emitter {
	struct parser *p;
	struct code *code;
	struct mspl_value *constants;
	uint32_t *lines;      /* offset at which each line begins */
	size_t n_code, n_constants, n_lines;
	str names[MSPL_SLOTS]; /* variables that are in sight, of the function or the script */
	unsigned n_names, base, top; /* slot of the first, highest slot + 1 so far */
	struct target targets[MSPL_DEPTH];
	unsigned n_targets;
	bool in_function;
};

/* emit.c */
err emit(struct emitter *e, enum opcode op, unsigned n, size_t arg, uint32_t at);
err emit_constant(struct emitter *e, const struct mspl_value *v, uint32_t at);
err emit_text(struct emitter *e, enum opcode op, str text, uint32_t at);
int emit_variable(const struct emitter *e, str name); /* its slot; -1 */
err emit_declare(struct emitter *e, str name, uint32_t at, unsigned *slot);
err emit_statements(struct emitter *e, const struct node *n);

/* emit_expression.c */
err emit_expression(struct emitter *e, const struct node *n);
err emit_assign(struct emitter *e, const struct node *n);

#endif
