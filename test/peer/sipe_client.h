/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sipe_client: pidgin-sipe, a real client of the Lync dialect, without a window. Lines of JSON in are commands, lines
 * of JSON out are events and answers; sipe_client.c says how to start it, sipe_command.c has the table of commands.
 */
#ifndef PEER_SIPE_CLIENT_H
#define PEER_SIPE_CLIENT_H

#include <jansson.h>
#include <purple.h>
#include <stdbool.h>

#define CLIENT_UI     "witan-sipe-client"
#define CLIENT_PLUGIN "prpl-sipe"

/* The one account; NULL before the command sign-in. */
extern PurpleAccount *client_account;

/* Prints {"event": name, "at": seconds, ...}; fmt and what follows are those of json_pack for the other members. A NULL
 * text is null. */
void client_tell(const char *name, const char *fmt, ...);
/* The same with the members in an object, which is taken over. */
void client_tell_object(const char *name, json_t *members);
/* Ends the main loop: signs off, then the program returns 0. */
void client_quit(void);
/* Whether the log leaves out what comes now: a test that looks again and again must not fill it. */
void client_hush(bool on);

/* What a command answers: NULL when it was done, else why it was not (a text that lives on). */
typedef const char *client_command(json_t *line, json_t *answer);

/* sipe_command.c: obeys one line, prints its answer. */
void command_obey(const char *line);
/* A text of a command, NULL when it is not there. */
const char *command_text(json_t *line, const char *name);

/* sipe_account.c */
client_command account_sign_in, account_sign_off, account_connect, account_set_status;
void account_watch(void);

/* sipe_names.c: hosts {"name[:port]": "address[:port]"} and srv {"_sip._tls.example.test": ["host", port]}; NULL: the
 * machine's names. */
void names_set(json_t *host_table, json_t *service_table);

/* sipe_contact.c */
client_command contact_list, contact_show, contact_add, contact_remove, contact_move, contact_rename, contact_add_group,
	contact_rename_group, contact_remove_group, contact_menu, contact_menu_labels, contact_deny, contact_permit;

/* sipe_event.c: conversations, contacts, notices as events. */
void event_watch(void);
/* The chat of that name, the newest one without a name, or NULL. */
PurpleConversation *event_chat(const char *name);

/* sipe_request.c: questions and forms wait until a command answers them. */
void request_watch(void);
client_command request_answer, request_fill;

#endif
