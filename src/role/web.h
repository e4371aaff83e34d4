/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web - the process that serves administrators over HTTPS. It has no rights of its own: each request becomes one line of JSON
 * for vault (role/vault.h), which knows the sessions and decides; the answer is passed on as it comes.
 *
 *   GET    /healthz                     204
 *   GET    /api/v1/openapi.json         describes all of it (service/openapi.h)
 *   POST   /api/v1/session              {"User","Password","Code"}: 201 and a session; with a client certificate {} is enough
 *   GET    /api/v1/session              who am I
 *   DELETE /api/v1/session              signs out
 *   GET    /api/v1/cmdlets              names and help
 *   POST   /api/v1/cmdlets/New-CsUser   {"parameters":{},"input":{}}
 *
 * A session is presented as `Authorization: Bearer TOKEN`. A browser signs in with `Witan-Cookie: 1`: then the session is a cookie
 * that scripts cannot read, and the "CSRF" of the answer must come back as `Witan-CSRF` with each request that uses the cookie.
 *
 * At its two sites (listeners "https-internal" and "https-external") it answers everybody, by the names of the topology alone: documents of
 * autodiscover, pages for people. It tells nothing of users there but to themselves: who proves himself gets a web ticket, and for it a certificate and the
 * document that says where he is at home (docs/adr/0069); vault judges and decides.
 *
 * Over plain HTTP (listeners "http" and "external-http") it gives to everybody what vault has published, revocation lists and
 * certificates of issuers, says where the sites are, and nothing else: GET and HEAD, 304 for who has it already.
 */
#ifndef WITAN_ROLE_WEB_H
#define WITAN_ROLE_WEB_H

#include "role/skel.h"

extern const struct role role_web;

#endif
