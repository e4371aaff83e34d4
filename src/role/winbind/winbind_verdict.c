/* SPDX-License-Identifier: Apache-2.0 */
#include "role/winbind/winbind_priv.h"

static const struct winbind_verdict rows[] = {
	{ 0xC000006A, ERR_REFUSED, "the password is wrong", "" },
	{ 0xC000006D, ERR_REFUSED, "the name or the password is wrong", "" },
	{ 0xC0000064, ERR_REFUSED, "the domain has no such account", "" },
	{ 0xC0000072, ERR_SIP_ACCOUNT, "the account is disabled in the domain", "enable it there" },
	{ 0xC0000193, ERR_SIP_ACCOUNT, "the account has expired in the domain", "prolong it there" },
	{ 0xC000006E, ERR_SIP_ACCOUNT, "the domain restricts the account", "see its restrictions there" },
	{ 0xC000006F, ERR_SIP_ACCOUNT, "the account may not sign in at this hour", "see its logon hours in the domain" },
	{ 0xC0000070, ERR_SIP_ACCOUNT, "the account may not sign in from this workstation", "see its workstations in the domain" },
	{ 0xC0000234, ERR_SIP_ACCOUNT_LOCKED, "the account is locked in the domain", "wait, or unlock it there" },
	{ 0xC0000071, ERR_SIP_PASSWORD, "the password has expired", "the user must change it in the domain" },
	{ 0xC0000224, ERR_SIP_PASSWORD, "the password must be changed", "the user must change it in the domain" },
	{ 0xC0000022, ERR_BUSY, "winbind lets this process ask nothing", "adduser witan-winbind winbindd_priv, and restart the server" },
	{ 0xC000005E, ERR_BUSY, "no domain controller answers", "is there a way to one? wbinfo --ping-dc" },
	{ 0xC0000233, ERR_BUSY, "no domain controller is found", "does the machine ask the DNS servers of the domain? wbinfo --ping-dc" },
	{ 0xC00000DF, ERR_BUSY, "winbind knows no such domain", "is it trusted by the domain of this machine? wbinfo --trusted-domains" },
	{ 0xC0000199, ERR_BUSY, "the domain does not know this machine any more", "join it again: net ads join" },
};

const struct winbind_verdict *winbind_verdict_of(uint32_t status)
{
	static const struct winbind_verdict other = { 0, ERR_BUSY, "winbind could not ask the domain", "see the log of winbindd; wbinfo --check-secret" };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == status)
			return &rows[i];
	return &other;
}
