/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, counters, and what the processes know. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <unistd.h>

/* ---- counters ---- */

err command_counter_get(struct call *call)
{
	const struct skel *s = call->vault->skel;
	str prefix = STR("");
	(void)command_text(call, "Name", &prefix);
	for (size_t i = 0; i < METER_N; i++) {
		uint64_t sum = 0;
		if (!str_begins_case(str_of(meter_defs[i].name), prefix))
			continue;
		for (unsigned k = 0; s->meters != NULL && k < s->n_meters; k++)
			sum += meter_get(&s->meters[k], (enum meter_id)i);
		TRY(command_add_object(call, json_pack("{s:s,s:I,s:s}", "Name", meter_defs[i].name, "Value", (json_int_t)sum, "Help",
			meter_defs[i].help)));
	}
	if (call->n_objects == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Name", "Get-CsCounter without -Name lists all", "no counter begins with %.*s",
			STR_FMT(str_cut(prefix, 0, 64)));
	return OK;
}

/* ---- processes ---- */

static err check_computer(struct call *call)
{
	str computer;
	if (!command_text(call, "ComputerName", &computer) || str_eq_case(computer, str_of(call->vault->skel->fqdn)))
		return OK;
	return diag_fail(&call->diag, ERR(ABSENT), "ComputerName", "say it on that server", "this server is %s", call->vault->skel->fqdn);
}

/* What happens to this server is in the hand of those who reach its site. */
static err reach_server(struct call *call)
{
	struct place p;
	bool placed = place_find(call->vault, STR("Registrar"), place_pool(call->vault), &p);
	return command_reach(call, &(struct rbac_thing){ .writes = true, .site = placed ? p.site : STR(""), .name = call->vault->skel->fqdn });
}

struct process {
	char name[32];
	const char *role; /* NULL: administrators do not stop it */
	unsigned index;
	bool runs;
	pid_t pid;
};

/* Processes of which there is one, after the fronts in the list. */
static const char *const lone[] = { "web", "edge" };

static unsigned place_of(const struct process *p)
{
	for (unsigned i = 0; i < sizeof lone / sizeof *lone; i++)
		if (strcmp(p->role, lone[i]) == 0)
			return VAULT_FRONTS_MAX + i;
	return p->index;
}

static bool lone_process_at(const struct vault *v, unsigned i, struct process *p)
{
	const bool runs[] = { vault_web_is_there(v), v->edge != NULL };
	for (unsigned k = 0; k < sizeof lone / sizeof *lone; k++) {
		if (!runs[k] && v->stopped[VAULT_FRONTS_MAX + k] == 0)
			continue;
		if (i-- != 0)
			continue;
		*p = (struct process){ .role = lone[k], .runs = runs[k] };
		(void)snprintf(p->name, sizeof p->name, "%s", lone[k]);
		return true;
	}
	return false;
}

static bool process_at(const struct vault *v, unsigned i, struct process *p)
{
	*p = (struct process){ 0 };
	if (i == 0) {
		*p = (struct process){ .name = "master", .runs = true, .pid = getppid() };
	} else if (i == 1) {
		*p = (struct process){ .name = "vault", .runs = true, .pid = getpid() };
	} else if (i - 2 < v->skel->n_fronts) {
		*p = (struct process){ .role = "front", .index = i - 2, .runs = vault_front_is_there(v, i - 2) };
		(void)snprintf(p->name, sizeof p->name, "front.%u", i - 2);
	} else {
		return lone_process_at(v, i - 2 - v->skel->n_fronts, p);
	}
	return true;
}

static bool is_stopped(const struct vault *v, const struct process *p)
{
	return p->role != NULL && v->stopped[place_of(p)] != 0;
}

static err add_process(struct call *call, const struct process *p)
{
	const char *status = is_stopped(call->vault, p) ? "Stopped" : p->runs ? "Running" : "Starting";
	json_t *o = json_pack("{s:s,s:s}", "Status", status, "Name", p->name);
	if (o != NULL)
		(void)json_object_set_new(o, "Id", p->pid != 0 ? json_integer(p->pid) : json_null());
	return command_add_object(call, o);
}

/* A name given by -Name is a beginning; one of a piped process is all of it, and no beginning of another ("front.1", "front.10"). */
static bool is_meant(const struct call *call, const struct process *p)
{
	str prefix = STR("");
	(void)command_text(call, "Name", &prefix);
	return call->input != NULL ? str_eq_case(str_of(p->name), prefix) : str_begins_case(str_of(p->name), prefix);
}

static err none(struct call *call)
{
	str prefix = STR("");
	(void)command_text(call, "Name", &prefix);
	return diag_fail(&call->diag, ERR(ABSENT), "Name", "Get-CsWindowsService without -Name lists all", "no process begins with %.*s", STR_FMT(str_cut(prefix, 0, 64)));
}

err command_process_get(struct call *call)
{
	struct process p;
	TRY(check_computer(call));
	for (unsigned i = 0; process_at(call->vault, i, &p); i++)
		if (is_meant(call, &p))
			TRY(add_process(call, &p));
	return call->n_objects != 0 ? OK : none(call);
}

static err want(struct call *call, bool runs)
{
	struct vault *v = call->vault;
	struct process p;
	unsigned n = 0;
	TRY(check_computer(call));
	TRY(reach_server(call));
	for (unsigned i = 0; process_at(v, i, &p); i++) {
		if (!is_meant(call, &p) || p.role == NULL)
			continue;
		n++;
		if (call->what_if) {
			command_warn(call, "What if: %s %s", runs ? "starts" : "stops", p.name);
			continue;
		}
		v->stopped[place_of(&p)] = runs ? 0 : 1;
		TRY(ipc_send_process_want(v->skel->master, &(struct ipc_process_want){ .role = str_of(p.role), .index = (uint16_t)p.index, .runs = runs ? 1 : 0 }, -1));
		p.runs = p.runs && runs;
		TRY(add_process(call, &p));
	}
	if (n == 0 && call->input != NULL)
		return OK; /* master and vault in a piped list */
	return n != 0 ? OK : diag_fail(&call->diag, ERR(ABSENT), "Name", "name a front process, such as front.0, or web", "no process that can be stopped begins so");
}

err command_process_stop(struct call *call)
{
	return want(call, false);
}

err command_process_start(struct call *call)
{
	return want(call, true);
}

/* ---- what they know ---- */

/* The version of the central store that this server knows: its own, or the one that it was told last. */
static uint64_t central_version(const struct vault *v)
{
	struct store_moment m;
	if (!v->is_copy)
		return store_version(v->store);
	return failed(store_copy_get(v->store, &m)) ? 0 : m.version;
}

static err add_store_status(struct call *call)
{
	const struct vault *v = call->vault;
	return command_add_object(call, json_pack("{s:s,s:I,s:b}", "ActiveMasterFqdn", v->central[0] != '\0' ? v->central : v->skel->fqdn, "LastVersion",
		(json_int_t)central_version(v), "IsWritable", !v->is_copy && !store_is_failed(v->store)));
}

/* Processes of this server, each of which has what it needs in its memory. */
static err add_fronts(struct call *call)
{
	const struct vault *v = call->vault;
	for (unsigned i = 0; i < v->skel->n_fronts; i++) {
		bool there = vault_front_is_there(v, i);
		char process[24];
		(void)snprintf(process, sizeof process, "front.%u%u", i / 10 % 10, i % 10);
		TRY(command_add_object(call, json_pack("{s:b,s:s,s:s,s:I,s:s}", "UpToDate", there && !v->fronts[i]->wants_all, "ReplicaFqdn", v->skel->fqdn, "Process",
			process, "Version", (json_int_t)v->told, "ProductVersion", WITAN_VERSION)));
	}
	return OK;
}

/* On a copy: how it stands with the central store. */
static err add_self(struct call *call)
{
	const struct vault *v = call->vault;
	return command_add_object(call, json_pack("{s:b,s:s,s:o,s:o,s:s,s:s,s:I,s:s}", "UpToDate", v->central_is_there && central_version(v) != 0, "ReplicaFqdn", v->skel->fqdn,
		"LastStatusReport", command_moment(vault_unix_ms() / 1000), "LastUpdateCreation", command_moment(v->heard_ms / 1000), "ProductVersion", WITAN_VERSION, "Process",
		"vault", "Version", (json_int_t)central_version(v), "State", v->central_is_there ? "the central server is connected" : "the central server is not connected"));
}

static const char *state_of(const struct vault_copy *c, bool is_new)
{
	if (!c->is_up)
		return c->why;
	return is_new ? "up to date" : "changes are under way";
}

/* On the central server: another one. */
static err add_copy(struct call *call, const struct vault_copy *c)
{
	bool is_new = c->is_up && c->have.version == store_version(call->vault->store) && !c->is_walking && !c->wants_whole;
	return command_add_object(call, json_pack("{s:b,s:s,s:o,s:o,s:o,s:s,s:I,s:s}", "UpToDate", is_new, "ReplicaFqdn", c->fqdn, "LastStatusReport",
		command_moment(c->report_ms / 1000), "LastUpdateCreation", command_moment(c->update_ms / 1000), "ProductVersion",
		c->product[0] != '\0' ? command_json(str_of(c->product)) : json_null(), "Process", "vault", "Version", (json_int_t)c->have.version, "State", state_of(c, is_new)));
}

err command_replication_get(struct call *call)
{
	struct vault *v = call->vault;
	str only = STR("");
	TRY(vault_store(v, &call->diag));
	if (command_switch(call, "CentralManagementStoreStatus"))
		return add_store_status(call);
	(void)command_text(call, "ReplicaFqdn", &only);
	if (only.n == 0 || str_eq_case(only, str_of(v->skel->fqdn))) {
		TRY(add_fronts(call));
		if (v->is_copy)
			TRY(add_self(call));
	}
	LIST_EACH (n, &v->copies) {
		const struct vault_copy *c = LIST_OF(n, struct vault_copy, node);
		if (only.n == 0 || str_eq_case(only, str_of(c->fqdn)))
			TRY(add_copy(call, c));
	}
	if (call->n_objects == 0 && only.n != 0)
		return diag_fail(&call->diag, ERR(ABSENT), "ReplicaFqdn", "Get-CsComputer lists the servers; the server of the central store knows of all copies",
			"%s knows of no copy on %.*s", v->skel->fqdn, STR_FMT(str_cut(only, 0, 120)));
	return OK;
}

err command_replication_invoke(struct call *call)
{
	struct vault *v = call->vault;
	str only = STR("");
	TRY(reach_server(call));
	bool is_here = !command_text(call, "ReplicaFqdn", &only) || str_eq_case(only, str_of(v->skel->fqdn));
	if (call->what_if)
		return OK;
	if (is_here)
		vault_want_all(v);
	if ((!is_here || only.n == 0) && failed(vault_copies_again(v, only)))
		return diag_fail(&call->diag, ERR(ABSENT), "ReplicaFqdn", "say it on the server of the central store; Get-CsComputer lists the servers",
			"%s sends nothing to %.*s", v->skel->fqdn, STR_FMT(str_cut(only, 0, 120)));
	vault_turn(v);
	return OK;
}

err command_computer_enable(struct call *call)
{
	TRY(command_replication_invoke(call));
	return want(call, true);
}

/* ---- providers ---- */

static err switch_provider(struct call *call, bool on)
{
	bool hosting = strstr(call->cmd->name, "Hosting") != NULL;
	return object_set_property(call, &schema_kinds[hosting ? SCHEMA_ID_HostingProvider : SCHEMA_ID_PublicProvider], "Enabled", json_boolean(on));
}

err command_provider_enable(struct call *call)
{
	return switch_provider(call, true);
}

err command_provider_disable(struct call *call)
{
	return switch_provider(call, false);
}
