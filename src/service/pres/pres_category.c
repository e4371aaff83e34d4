/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pres/pres_priv.h"

static const char *const own[CATEGORY_OWN] = {
	[CATEGORY_STATE] = "state",
	[CATEGORY_NOTE] = "note",
	[CATEGORY_CALENDAR] = "calendarData",
	[CATEGORY_CARD] = "contactCard",
	[CATEGORY_SERVICES] = "services",
	[CATEGORY_USER] = "userProperties",
	[CATEGORY_DEVICE] = "device",
	[CATEGORY_HOURS] = "workingHours",
};
static const char *const others[] = { "alerts", "dndState", "legacyInterop", "otherOptions", "rccOptions", "routing", "userInformation", "userPreferences", "voicemail" };

void pres_categories_init(struct pres_categories *c)
{
	c->n = 0;
	for (size_t i = 0; i < CATEGORY_OWN; i++)
		(void)str_to_z(str_of(own[i]), c->names[c->n++], PRES_NAME_MAX);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		(void)str_to_z(str_of(others[i]), c->names[c->n++], PRES_NAME_MAX);
}

bool pres_category_find(const struct pres_categories *c, str name, uint8_t *out)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(name, str_of(c->names[i]))) {
			*out = (uint8_t)i;
			return true;
		}
	return false;
}

static bool is_name(str s)
{
	bool is_good = s.n != 0;
	for (size_t i = 0; i < s.n; i++)
		is_good = is_good && ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
				  s.p[i] == '.' || s.p[i] == '-' || s.p[i] == '_');
	return is_good;
}

err pres_category_get(struct pres_categories *c, str name, uint8_t *out)
{
	if (pres_category_find(c, name, out))
		return OK;
	ENSURE(is_name(name), MALFORMED);
	ENSURE(c->n < PRES_CATEGORIES && str_to_z(name, c->names[c->n], PRES_NAME_MAX), CEILING);
	*out = (uint8_t)c->n++;
	return OK;
}
