/* SPDX-License-Identifier: Apache-2.0 */
#include "service/provision.h"

#include <stddef.h>

#include "model/config.h"
#include "wire/xml.h"

#define BOOK_PATH   "/groupexpansion/service.svc"
#define PHOTOS_PATH "/abs/handler" /* below it are photos, no files of the book */
#define LIST_TYPE "application/vnd-microsoft-roaming-provisioning-v2+xml"

/* ---- what the client policy says ---- */

enum as { AS_TRUE, AS_BOOL, AS_SECONDS, AS_NUMBER, AS_TEXT };

/*
 * Names as clients know them. AS_TRUE: the absence of a value means false, so that only true is said. Properties about mail, calendars and
 * directories of other products are left out: nothing here would obey them.
 */
#define ROW(as, name, property) { as, name, offsetof(struct cs_ClientPolicy, property) }
static const struct {
	enum as as;
	const char *name;
	size_t at;
} settings[] = {
	ROW(AS_SECONDS, "AutoDiscoveryRetryInterval", AutoDiscoveryRetryInterval),
	ROW(AS_TRUE, "BlockConversationFromFederatedContacts", BlockConversationFromFederatedContacts),
	ROW(AS_SECONDS, "ConferenceIMIdleTimeout", ConferenceIMIdleTimeout),
	ROW(AS_TEXT, "CustomizedHelpUrl", CustomizedHelpUrl),
	ROW(AS_TEXT, "CustomLinkInErrorMessages", CustomLinkInErrorMessages),
	ROW(AS_TEXT, "CustomStateUrl", CustomStateUrl),
	ROW(AS_SECONDS, "DGRefreshInterval", DGRefreshInterval),
	ROW(AS_TRUE, "DisableCalendarPresence", DisableCalendarPresence),
	ROW(AS_TRUE, "DisableContactCardOrganizationTab", DisableContactCardOrganizationTab),
	ROW(AS_TRUE, "DisableEmoticons", DisableEmoticons),
	ROW(AS_TRUE, "DisableFederatedPromptDisplayName", DisableFederatedPromptDisplayName),
	ROW(AS_TRUE, "DisableFeedsTab", DisableFeedsTab),
	ROW(AS_TRUE, "DisableFreeBusyInfo", DisableFreeBusyInfo),
	ROW(AS_TRUE, "DisableHandsetOnLockedMachine", DisableHandsetOnLockedMachine),
	ROW(AS_TRUE, "DisableHtmlIm", DisableHtmlIm),
	ROW(AS_TRUE, "DisableICE", DisableICE),
	ROW(AS_TRUE, "DisableInkIM", DisableInkIM),
	ROW(AS_TRUE, "DisableMeetingSubjectAndLocation", DisableMeetingSubjectAndLocation),
	ROW(AS_TRUE, "DisablePhonePresence", DisablePhonePresence),
	ROW(AS_TRUE, "DisablePICPromptDisplayName", DisablePICPromptDisplayName),
	ROW(AS_TRUE, "DisablePoorDeviceWarnings", DisablePoorDeviceWarnings),
	ROW(AS_TRUE, "DisablePoorNetworkWarnings", DisablePoorNetworkWarnings),
	ROW(AS_TRUE, "DisablePresenceNote", DisablePresenceNote),
	ROW(AS_TRUE, "DisableRTFIM", DisableRTFIM),
	ROW(AS_TRUE, "DisableSavingIM", DisableSavingIM),
	ROW(AS_TEXT, "PhotoUsage", DisplayPhoto),
	ROW(AS_TRUE, "EnableAppearOffline", EnableAppearOffline),
	ROW(AS_BOOL, "EnableClientMusicOnHold", EnableClientMusicOnHold),
	ROW(AS_TRUE, "EnableConversationWindowTabs", EnableConversationWindowTabs),
	ROW(AS_TRUE, "EnableEnterpriseCustomizedHelp", EnableEnterpriseCustomizedHelp),
	ROW(AS_TRUE, "EnableHotdesking", EnableHotdesking),
	ROW(AS_SECONDS, "HotdeskingTimeout", HotdeskingTimeout),
	ROW(AS_TRUE, "EnableTracing", EnableTracing),
	ROW(AS_TRUE, "AllowUnencryptedFileTransfer", EnableUnencryptedFileTransfer),
	ROW(AS_TRUE, "EnableURL", EnableURL),
	ROW(AS_TRUE, "NotificationForNewSubscribers", EnableNotificationForNewSubscribers),
	ROW(AS_TEXT, "IMWarning", IMWarning),
	ROW(AS_NUMBER, "MaximumNumberOfContacts", MaximumNumberOfContacts),
	ROW(AS_NUMBER, "MaxPhotoSizeKB", MaxPhotoSizeKB),
	ROW(AS_TEXT, "MusicOnHoldAudioFile", MusicOnHoldAudioFile),
	ROW(AS_TRUE, "PlayAbbrDialTone", PlayAbbreviatedDialTone),
	ROW(AS_NUMBER, "SearchPrefixFlags", SearchPrefixFlags),
	ROW(AS_BOOL, "ShowManagePrivacyRelationships", ShowManagePrivacyRelationships),
	ROW(AS_TEXT, "TabURL", TabURL),
};

static void add_property(struct buf *out, str name, str value)
{
	buf_add(out, STR("<property name=\""));
	if (!xml_add_escaped(out, name, true))
		out->failed = true;
	buf_add(out, STR("\">"));
	if (!xml_add_escaped(out, value, false))
		out->failed = true;
	buf_add(out, STR("</property>"));
}

static void add_bool(struct buf *out, const char *name, bool value)
{
	add_property(out, str_of(name), value ? STR("true") : STR("false"));
}

static void add_number(struct buf *out, const char *name, int64_t value)
{
	if (value != SCHEMA_UNSET)
		buf_printf(out, "<property name=\"%s\">%lld</property>", name, (long long)value);
}

static void add_setting(struct buf *out, size_t i, const void *policy)
{
	const char *at = (const char *)policy + settings[i].at;
	const bool is_true = (settings[i].as == AS_TRUE || settings[i].as == AS_BOOL) && *(const bool *)(const void *)at;
	switch (settings[i].as) {
	case AS_TRUE:
	case AS_BOOL:
		if (is_true || settings[i].as == AS_BOOL)
			add_bool(out, settings[i].name, is_true);
		break;
	case AS_SECONDS:
	case AS_NUMBER:
		add_number(out, settings[i].name, *(const int64_t *)(const void *)at);
		break;
	default: {
		str text = *(const str *)(const void *)at;
		if (text.n != 0)
			add_property(out, str_of(settings[i].name), text);
	}
	}
}

static const struct cs_ClientPolicy *client_policy(const struct provision *p, str grants)
{
	return policies_find(p->policies, SCHEMA_ID_ClientPolicy, grants);
}

/* PolicyEntry is not among them: what they say is JSON of the store, which this process does not read. */
static void add_endpoint_configuration(const struct provision *p, str grants, struct buf *out)
{
	buf_add(out, STR("<propertyEntryList>"));
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		add_setting(out, i, client_policy(p, grants));
	if (p->trusted.n != 0)
		add_property(out, STR("TrustModelData"), p->trusted);
	if (p->inside.n != 0 || p->outside.n != 0)
		add_property(out, STR("AddressBookAvailability"), STR("WebSearchOnly"));
	buf_add(out, STR("</propertyEntryList>"));
}

/* ---- the groups ---- */

/* Without an address the client searches people by SERVICE. */
static void add_address_book(struct buf *out, const char *element, str site, const char *path)
{
	if (site.n == 0)
		return;
	buf_printf(out, "<%s>", element);
	if (!xml_add_escaped(out, site, false))
		out->failed = true;
	buf_printf(out, "%s</%s>", path, element);
}

/*
 * Each element of this group switches on a feature at the client. Conferences (focusFactoryUri) and relays (mrasUri) are not served by this
 * version, so they are not named.
 */
static void add_server_configuration(const struct provision *p, str grants, struct buf *out)
{
	buf_add(out, STR("<ucPC2PCAVEncryption>SupportEncryption</ucPC2PCAVEncryption><ucPortRangeEnabled>false</ucPortRangeEnabled>"));
	add_address_book(out, "absInternalServerUrl", p->inside, PHOTOS_PATH);
	add_address_book(out, "absExternalServerUrl", p->outside, PHOTOS_PATH);
	add_address_book(out, "dlxInternalUrl", p->inside, BOOK_PATH);
	add_address_book(out, "dlxExternalUrl", p->outside, BOOK_PATH);
}

static void add_meeting_policy(const struct provision *p, str grants, struct buf *out)
{
	const struct cs_ConferencingPolicy *policy = policies_find(p->policies, SCHEMA_ID_ConferencingPolicy, grants);
	buf_add(out, STR("<instance>"));
	add_bool(out, "AllowIPAudio", policy->AllowIPAudio);
	add_bool(out, "AllowIPVideo", policy->AllowIPVideo);
	add_bool(out, "EnableDataCollaboration", policy->EnableDataCollaboration);
	buf_add(out, STR("</instance>"));
}

/* Neither of the two is served by this version, whatever a VoicePolicy allows. */
static void add_voice_policy(const struct provision *p, str grants, struct buf *out)
{
	buf_add(out, STR("<instance>"));
	add_bool(out, "AllowSimultaneousRinging", false);
	add_bool(out, "AllowCallForwarding", false);
	buf_add(out, STR("</instance>"));
}

static void add_presence_policy(const struct provision *p, str grants, struct buf *out)
{
	buf_add(out, STR("<propertyEntryList>"));
	add_bool(out, "EnablePrivacyMode", p->config->use_privacy_mode);
	add_bool(out, "AutoInitiateContacts", p->config->initiate_contacts);
	add_bool(out, "PublishLocationDataDefault", p->config->publish_location);
	add_bool(out, "DisplayPublishedPhotoDefault", p->config->display_photo);
	buf_add(out, STR("</propertyEntryList>"));
}

/* There are no rooms of persistent chat here. */
static void add_chat(const struct provision *p, str grants, struct buf *out)
{
	buf_add(out, STR("<propertyEntryList>"));
	add_bool(out, "EnablePersistentChat", false);
	buf_add(out, STR("</propertyEntryList>"));
}

static const struct {
	str name;
	void (*fn)(const struct provision *p, str grants, struct buf *out);
} groups[] = {
	{ { "ServerConfiguration", 19 }, add_server_configuration },
	{ { "endpointConfiguration", 21 }, add_endpoint_configuration },
	{ { "meetingPolicy", 13 }, add_meeting_policy },
	{ { "ucPolicy", 8 }, add_voice_policy },
	{ { "presencePolicyV2", 16 }, add_presence_policy },
	{ { "persistentChatConfiguration", 27 }, add_chat },
};
#define GROUPS (sizeof groups / sizeof groups[0])

/* ---- the package ---- */

static uint32_t group_bit(str name)
{
	for (size_t i = 0; i < GROUPS; i++)
		if (str_eq_case(groups[i].name, name))
			return UINT32_C(1) << i;
	return 0;
}

/* Which groups a SUBSCRIBE asks for; without a body all of them. Groups that this version has not are passed over. */
static err read_wish(const struct provision *p, const struct request *r, uint32_t *out)
{
	struct xml_node *root;
	*out = (UINT32_C(1) << GROUPS) - 1;
	if (r->in->msg.body.n == 0)
		return OK;
	TRY(xml_tree_read(p->xml, r->in->msg.body, NULL, &r->in->arena, &root, NULL));
	ENSURE(str_eq(root->name, STR("provisioningGroupList")), MALFORMED);
	*out = 0;
	for (const struct xml_node *g = xml_child(root, STR("provisioningGroup")); g != NULL; g = xml_sibling(g, STR("provisioningGroup")))
		*out |= group_bit(xml_attribute(g, STR("name")));
	return OK;
}

/* The user is what it is about, and told is which groups are wanted. */
static err open_list(void *arg, struct subscription *s, const struct request *r)
{
	struct provision *p = arg;
	const struct user *u = user_find(p->users, r->target);
	uint32_t wish;
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target) && u != NULL, SIP_FORBIDDEN);
	TRY(read_wish(p, r, &wish));
	s->told = wish;
	if (s->subject == NULL)
		s->subject = (void *)(uintptr_t)user_ref(u);
	return OK;
}

static err tell_list(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct provision *p = arg;
	str grants = user_grants(s->subject);
	n->type = STR(LIST_TYPE);
	buf_add(&n->body, STR("<provisionGroupList xmlns=\"http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification\">"));
	for (size_t i = 0; i < GROUPS; i++) {
		if ((s->told >> i & 1) == 0)
			continue;
		buf_printf(&n->body, "<provisionGroup name=\"%.*s\">", STR_FMT(groups[i].name));
		groups[i].fn(p, grants, &n->body);
		buf_add(&n->body, STR("</provisionGroup>"));
	}
	buf_add(&n->body, STR("</provisionGroupList>"));
	return OK;
}

static void close_list(void *arg, struct subscription *s)
{
	user_unref(s->subject);
}

static const str list_types[] = { { LIST_TYPE, sizeof LIST_TYPE - 1 }, { "", 0 } };

/* Clients ask once, at sign-in: longest 0 makes every answer the only one. */
static const struct notifier_package list_package = {
	.event = { "vnd-microsoft-provisioning-v2", 29 },
	.accepts = list_types,
	.open = open_list,
	.tell = tell_list,
	.close = close_list,
};

/* ---- older clients ---- */

static err open_old(void *arg, struct subscription *s, const struct request *r)
{
	struct provision *p = arg;
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
	s->subject = p;
	return OK;
}

static err tell_old(struct notification *n, str type, str body)
{
	n->type = type;
	buf_add(&n->body, body);
	return OK;
}

static err tell_provision(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	return tell_old(n, STR("application/vnd-microsoft-roaming-provisioning+xml"), STR("<provision/>"));
}

static err tell_acl(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	return tell_old(n, STR("application/vnd-microsoft-roaming-acls+xml"), STR("<ACLlist deltaNum=\"1\"/>"));
}

/* Who watches is told as subscribers of the own presence (service/pres). */
static err tell_pending(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	return tell_old(n, STR("text/xml+msrtc.wpending"), STR("<watchers/>"));
}

#define TYPES(name, type) static const str name[] = { { type, sizeof type - 1 }, { "", 0 } }
TYPES(provision_types, "application/vnd-microsoft-roaming-provisioning+xml");
TYPES(acl_types, "application/vnd-microsoft-roaming-acls+xml");
TYPES(pending_types, "text/xml+msrtc.wpending");

#define OLD(name, types, fn) \
	{ .event = { name, sizeof name - 1 }, .accepts = types, .usual = 28800, .shortest = 60, .longest = 28800, .open = open_old, .tell = fn }
static const struct notifier_package old_packages[] = {
	OLD("vnd-microsoft-provisioning", provision_types, tell_provision),
	OLD("vnd-microsoft-roaming-ACL", acl_types, tell_acl),
	OLD("presence.wpending", pending_types, tell_pending),
};

err provision_add(struct provision *p, struct notifier *n)
{
	TRY(notifier_add(n, &list_package, p));
	for (size_t i = 0; i < sizeof old_packages / sizeof old_packages[0]; i++)
		TRY(notifier_add(n, &old_packages[i], p));
	return OK;
}
