/* SPDX-License-Identifier: Apache-2.0 */
/* witan acme-hook: what the ACME client calls while a challenge is open (http-01). The answer is shown by the running server. */
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/link.h"
#include "prog/witan/witan_priv.h"

#include <string.h>

/* parameters are taken over. */
static int tell(const char *dir, const char *cmdlet, json_t *parameters)
{
	struct link *link = NULL;
	struct diag d = { 0 };
	json_t *answer = NULL;
	err e = parameters != NULL ? link_open_local(dir, &link, &d) : ERR(NO_MEMORY);
	if (!failed(e))
		e = link_send(link, cmdlet, parameters, NULL, &d);
	if (!failed(e))
		e = link_receive(link, &answer, &d);
	if (!failed(e))
		e = control_result(answer, &d);
	json_decref(parameters);
	json_decref(answer);
	link_close(link);
	return failed(e) ? witan_fail("acme-hook", e, &d) : WITAN_DONE;
}

/* Stages of the client that are not ours are to be let pass. */
int acme_hook_main(int argc, char **argv, const char *dir)
{
	if (argc >= 2 && strcmp(argv[1], "--help") == 0)
		return witan_usage(argv[0], "this is called by the client that `witan acme` runs: acme-hook deploy_challenge|clean_challenge NAME TOKEN TEXT");
	if (argc == 5 && strcmp(argv[1], "deploy_challenge") == 0)
		return tell(dir, "New-CsAcmeChallenge", json_pack("{s:s,s:s}", "Token", argv[3], "KeyAuthorization", argv[4]));
	if (argc == 5 && strcmp(argv[1], "clean_challenge") == 0)
		return tell(dir, "Remove-CsAcmeChallenge", json_pack("{s:s}", "Token", argv[3]));
	return argc >= 2 ? WITAN_DONE : witan_usage(argv[0], "a stage is missing");
}
