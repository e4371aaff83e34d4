/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - links in instant messages and the names of files that people send each other (ImFilterConfiguration, FileTransferFilterConfiguration;
 * docs/adr/0085). A message is passed on as it came, changed (an underscore that makes a link dead, a warning in front), or refused with 403. What cannot
 * be looked into - a charset or an encoding that is not known, RTF that is none - is refused with 415 while the filter is on.
 */
#ifndef WITAN_SERVICE_FILTER_H
#define WITAN_SERVICE_FILTER_H

#include "engine/stage.h"
#include "model/policy.h"
#include "wire/xml_tree.h"

struct filter {
	const struct policies *policies; /* the configurations are told like policies */
	str domains;                     /* own ones, comma-separated, lower case: what IgnoreLocal knows besides names without a dot */
	struct xml_reader *xml;
};

/*
 * For MESSAGE, INVITE, INFO, UPDATE and PRACK of either direction, in dialogs too. A body that is changed becomes that of r->in->msg, so that whoever comes
 * after knows no other; so does ms-text-format of an INVITE. state: the filter.
 */
err filter_stage(void *state, struct request *r, enum stage_verdict *v);

#endif
