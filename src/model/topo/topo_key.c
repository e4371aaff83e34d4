/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of topo_key.def as tables. */
#include "model/topo/topo_priv.h"

static const char *const words_simple_urls[] = { "per-function", "per-domain", "shared", NULL };
static const char *const words_autodiscover[] = { "https", "http", NULL };
static const char *const words_ca[] = { "built-in", "external", NULL };
static const char *const words_key_type[] = { "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", NULL };
static const char *const words_role[] = { "standard-edition", "front-end", "director", "mediation", "persistent-chat",
	"survivable-branch", "trusted-application", "edge", NULL };
static const char *const words_service[] = { "mediation", "conferencing", NULL };
static const char *const words_store[] = { "sqlite", "postgresql", NULL };
static const char *const words_balancer[] = { "dns", "tcp", "tls", NULL };
static const char *const words_transport[] = { "tls", "tcp", NULL };

#define ROLE(name)    (1u << TOPO_##name)
#define ROLES_FRONT   (ROLE(STANDARD_EDITION) | ROLE(FRONT_END))
#define ROLES_WEB     (ROLES_FRONT | ROLE(DIRECTOR))
#define ROLES_SIGN_IN (ROLES_WEB | ROLE(SURVIVABLE_BRANCH))

/* The struct of the document itself. */
#define topo_root topo

/* What the member must be; compared by size, which tells str, lists, numbers and switches apart. */
#define SIZE_TEXT    sizeof(str)
#define SIZE_URL     sizeof(str)
#define SIZE_ADDRESS sizeof(str)
#define SIZE_LABEL   sizeof(str)
#define SIZE_DOMAIN  sizeof(str)
#define SIZE_NAME    sizeof(str)
#define SIZE_DOMAINS sizeof(struct topo_names)
#define SIZE_NAMES   sizeof(struct topo_names)
#define SIZE_WORD    sizeof(uint32_t)
#define SIZE_SET     sizeof(uint32_t)
#define SIZE_BOOL    sizeof(bool)
#define SIZE_PORT    sizeof(uint32_t)
#define SIZE_COUNT   sizeof(uint32_t)
#define SIZE_LIST    sizeof(struct topo_items)
#define SIZE_MAP     0

#define SECTION(name, what)
#define KEY(section, name, kind, member, ...) \
	_Static_assert(SIZE_##kind == 0 || SIZE_##kind == sizeof(((struct topo_##section *)NULL)->member), name);
#define SECTION_END
#include "model/topo/topo_key.def"
#undef SECTION
#undef KEY
#undef SECTION_END

#define SECTION(name, what) static const struct topo_key keys_##name[] = {
#define KEY(section, name_, kind_, member, ...) \
	{ .name = name_, .kind = TOPO_KIND_##kind_, .offset = offsetof(struct topo_##section, member), __VA_ARGS__ },
#define SECTION_END \
	}           \
	;
#include "model/topo/topo_key.def"
#undef SECTION
#undef KEY
#undef SECTION_END

#define SECTION(name, what) { what, sizeof(struct topo_##name), keys_##name, sizeof keys_##name / sizeof *keys_##name },
#define KEY(...)
#define SECTION_END
const struct topo_section topo_sections[TOPO_SECTION_N] = {
#include "model/topo/topo_key.def"
};
#undef SECTION
#undef KEY
#undef SECTION_END

static void key_init(const struct topo_key *k, char *member)
{
	switch (k->kind) {
	case TOPO_KIND_MAP:
		topo_section_init(k->of, member, (struct topo_at){ 0, 0 });
		break;
	case TOPO_KIND_WORD:
	case TOPO_KIND_PORT:
	case TOPO_KIND_COUNT:
		memcpy(member, &k->standard, sizeof k->standard);
		break;
	case TOPO_KIND_BOOL:
		memcpy(member, &(bool){ k->standard != 0 }, sizeof(bool));
		break;
	default:
		if (k->text != NULL)
			memcpy(member, &(str){ k->text, strlen(k->text) }, sizeof(str));
	}
}

void topo_section_init(enum topo_section_id id, void *object, struct topo_at at)
{
	const struct topo_section *s = &topo_sections[id];
	memset(object, 0, s->size);
	memcpy(object, &at, sizeof at);
	for (size_t i = 0; i < s->n_keys; i++)
		key_init(&s->keys[i], (char *)object + s->keys[i].offset);
}

const char *topo_role_word(enum topo_role role)
{
	return words_role[role];
}

const char *topo_key_type_word(enum topo_key_type type)
{
	return words_key_type[type];
}

bool topo_key_type_find(str word, enum topo_key_type *out)
{
	for (unsigned i = 0; words_key_type[i] != NULL; i++) {
		if (str_eq(word, str_of(words_key_type[i]))) {
			*out = (enum topo_key_type)i;
			return true;
		}
	}
	return false;
}
