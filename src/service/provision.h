/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision - what clients of the Lync dialect are told of the deployment when they sign in ([MS-SIPREGE] 2.2.2): the settings that administrators made
 * for them, and which services there are. Also the packages of older clients, for which there is nothing to tell here.
 */
#ifndef WITAN_SERVICE_PROVISION_H
#define WITAN_SERVICE_PROVISION_H

#include "base/err.h"
#include "engine/notifier.h"
#include "model/policy.h"
#include "service/user.h"
#include "wire/xml_tree.h"

struct config;

struct provision {
	const struct users *users;
	const struct policies *policies;
	const struct config *config;
	struct xml_reader *xml;
	str trusted; /* TrustModelData: further names of servers that clients are to trust, with commas between them; empty: none */
	str inside, outside; /* "https://web.example.com" of the web services, for clients inside and outside; empty: there are none */
};

/* Adds the packages. p must outlive the notifier. */
err provision_add(struct provision *p, struct notifier *n);

#endif
