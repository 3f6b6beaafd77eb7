/* requests.c - what the control socket can be asked: status, health, wait, stop, reset, monitor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/guest_profile.h"
#include "pid1/supervisor.h"
#include "plan/check_network.h"

static void answer(struct control *c, int slot, int status, const char *text)
{
	control_answer(c, slot, status, text, strlen(text));
}

/* ---- status ---------------------------------------------------------------------------- */

static double ms_since(uint64_t from, uint64_t to)
{
	return from && to > from ? (double)(to - from) / 1e6 : 0;
}

/* Every marker that came, in its order: ms since PID 1's start and since QEMU's. */
static void phases_json(const struct supervisor *v, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < v->phases.seen && used + 1 < size; i++) {
		const struct marker *m = &v->phases.markers.list[v->phases.order[i]];
		uint64_t at = v->phases.seen_ns[v->phases.order[i]];
		int n = snprintf(buf + used, size - used,
				 "%s{\"name\":\"%.*s\",\"kind\":\"%s\",\"ms\":%.3f,"
				 "\"qemu_ms\":%.3f}",
				 i ? "," : "", (int)m->name_len, m->name, marker_kind_name(m->kind),
				 ms_since(v->started_ns, at), ms_since(v->spawned_ns, at));

		if ((size_t)n >= size - used)
			buf[used] = '\0';
		used += (size_t)n;
	}
}

/* Member "ports" of the status: those of ours, 0 where one is off. */
#define PORTS_JSON 224
static const char *ports_json(const struct settings *s, char buf[PORTS_JSON])
{
	(void)snprintf(buf, PORTS_JSON,
		       "\"ports\":{\"bind\":\"%s\",\"serial\":%ld,\"serial_raw\":%ld,\"serial_"
		       "rfc2217\":%ld,"
		       "\"monitor\":%ld,\"vnc\":%ld,\"gdb\":%ld}",
		       s->bind, s->serial_port, s->serial_raw_port, s->serial_rfc2217_port,
		       s->monitor_port, s->vnc ? s->vnc_port : 0, s->gdb ? s->gdb_port : 0);
	return buf;
}

static void status_json(const struct supervisor *v, char *buf, size_t size)
{
	const struct plan *plan = v->plan;
	char why[160];
	char quoted_why[200];
	char consoles[CONSOLES_JSON];
	char reason[2 * sizeof plan->accel.reason];
	char landlock[2 * sizeof plan->landlock];
	char disk[4400];
	char kernel[4400];
	char network[NETWORK_TEXT];
	char quoted_network[2 * NETWORK_TEXT];
	char ports[PORTS_JSON];
	char refused[GUARD_TEXT];
	static char phases[MARKERS_MAX * 128];
	bool ready = supervisor_ready(v, why, sizeof why);

	phases_json(v, phases, sizeof phases);
	(void)snprintf(
		buf, size,
		"{\"state\":\"%s\",\"ready\":%s,\"why\":%s,\"guest\":\"%s\",\"disk\":%s,"
		"\"kernel\":%s,\"network\":%s,%s,%s,"
		"\"ram_mb\":%ld,\"cpus\":%ld,\"accelerator\":\"%s\",\"accelerator_reason\":%s,"
		"\"qemu\":{\"pid\":%d,\"version\":\"%s\"},"
		"\"sandbox\":{\"seccomp\":%s,\"landlock\":%d,\"landlock_text\":%s},"
		"\"phase\":\"%.*s\",\"phases\":[%s],"
		"\"ms\":{\"up\":%.1f,\"qmp\":%.1f,\"running\":%.1f,\"first_byte\":%.1f,\"ready\":%."
		"1f},"
		"\"console\":%s,"
		"\"debug_log\":{\"bytes\":%llu,\"lost\":%llu,\"files_dropped\":%u},"
		"\"log_lines_lost\":%lu}\n",
		supervisor_state_name(v->state), ready ? "true" : "false",
		json_quote(why, quoted_why, sizeof quoted_why),
		profile_of((enum guest)plan->s.guest)->name,
		plan->disk.count ? json_quote(plan->disk.path, disk, sizeof disk) : "null",
		plan->kernel.about[0] ? json_quote(plan->kernel.about, kernel, sizeof kernel)
				      : "null",
		json_quote(network_describe(&plan->s, network), quoted_network,
			   sizeof quoted_network),
		ports_json(&plan->s, ports), guard_json(v, refused), plan->s.ram_mb, plan->s.cpus,
		plan->accel.accel == ACCEL_KVM ? "kvm" : "tcg",
		json_quote(plan->accel.reason, reason, sizeof reason), (int)v->qemu, v->qmp.version,
		plan->s.sandbox ? "true" : "false", plan->landlock_abi,
		json_quote(plan->landlock, landlock, sizeof landlock), PHASE_TEXT(&v->phases),
		phases, ms_since(v->spawned_ns, clock_now()), ms_since(v->spawned_ns, v->qmp_ns),
		ms_since(v->spawned_ns, v->running_ns),
		ms_since(v->spawned_ns, v->phases.first_byte_ns),
		ms_since(v->spawned_ns, v->life.ready_ns),
		consoles_json(v, consoles, sizeof consoles), (unsigned long long)v->debug_log.bytes,
		(unsigned long long)v->debug_log.file.lost, v->debug_log.file.dropped, log_lost());
}

static void status_text(const struct supervisor *v, char *buf, size_t size)
{
	const struct plan *plan = v->plan;
	struct relay_stats st;
	char why[160];
	char network[NETWORK_TEXT];
	char ports[PLAN_PORTS];
	char refused[GUARD_TEXT];
	bool ready = supervisor_ready(v, why, sizeof why);

	relay_stats(v->relays[RELAY_SERIAL], &st);
	(void)snprintf(buf, size,
		       "state        %s\n"
		       "ready        %s (%s)\n"
		       "phase        %.*s\n"
		       "guest        %s, %ld MiB, %ld CPU, %s\n"
		       "disk         %s\n"
		       "%s%s%s"
		       "network      %s\n"
		       "ports        %s\n"
		       "accelerator  %s\n"
		       "qemu         %s, pid %d, up %.1f s\n"
		       "sandbox      seccomp %s, Landlock %s\n"
		       "console      %llu bytes, %zu clients now, %llu ever, %llu dropped\n"
		       "%s",
		       supervisor_state_name(v->state), ready ? "yes" : "no", why,
		       PHASE_TEXT(&v->phases), profile_of((enum guest)plan->s.guest)->name,
		       plan->s.ram_mb, plan->s.cpus, plan->s.machine,
		       plan->disk.count ? plan->disk.path : "none",
		       plan->kernel.about[0] ? "kernel       " : "", plan->kernel.about,
		       plan->kernel.about[0] ? "\n" : "", network_describe(&plan->s, network),
		       plan_ports(plan, ports), plan->accel.reason,
		       v->qmp.version[0] ? v->qmp.version : "not answering yet", (int)v->qemu,
		       ms_since(v->spawned_ns, clock_now()) / 1000, plan->s.sandbox ? "on" : "off",
		       plan->landlock, (unsigned long long)st.bytes, st.clients,
		       (unsigned long long)st.accepted, (unsigned long long)st.dropped,
		       guard_text(v, refused));
}

static void request_status(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static char text[MARKERS_MAX * 128 + 16384];

	if (strcmp(arg, "--json") == 0)
		status_json(v, text, sizeof text);
	else
		status_text(v, text, sizeof text);
	answer(c, slot, EXIT_CLEAN, text);
}

static void answer_health(struct supervisor *v, int slot, const char *wrong)
{
	char why[160], line[164];
	bool ready = supervisor_ready(v, why, sizeof why);

	(void)snprintf(line, sizeof line, "%s\n", ready && wrong ? wrong : why);
	answer(&v->control, slot, ready && !wrong ? EXIT_CLEAN : EXIT_NOT_READY, line);
}

static void request_health(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char why[160];

	(void)arg;
	if (!supervisor_ready(v, why, sizeof why)) {
		answer_health(v, slot, NULL);
		return;
	}
	c->clients[slot].waits_for = WAITS_HEALTH;
	health_check(v);
}

/* ---- waiting --------------------------------------------------------------------------- */

/* Answer everybody who waits for WHAT with the state of the guest. */
static void answer_all(struct supervisor *v, int what, const char *wrong)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (v->control.clients[i].fd >= 0 && v->control.clients[i].waits_for == what)
			answer_health(v, i, wrong);
}

void requests_checked(struct supervisor *v, const char *wrong)
{
	answer_all(v, WAITS_HEALTH, wrong);
}

void requests_ready(struct supervisor *v)
{
	answer_all(v, WAITS_READY, NULL);
	requests_shell(v);
}

static void answer_came(struct supervisor *v, int what, const char *text)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (v->control.clients[i].fd >= 0 && v->control.clients[i].waits_for == what)
			answer(&v->control, i, EXIT_CLEAN, text);
}

void requests_login(struct supervisor *v)
{
	answer_came(v, WAITS_LOGIN, "login prompt on the serial console\n");
	requests_shell(v);
}

void requests_answered(struct supervisor *v, enum probe_id which)
{
	if (which == PROBE_SSH)
		answer_came(v, WAITS_SSH, "the guest's sshd answers\n");
	else
		answer_came(v, WAITS_HTTP, "the guest's web server answers\n");
}

void requests_probe(struct supervisor *v)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		if (v->control.clients[i].fd < 0)
			continue;
		if (v->control.clients[i].waits_for == WAITS_SSH)
			probe_want(v, PROBE_SSH);
		if (v->control.clients[i].waits_for == WAITS_HTTP)
			probe_want(v, PROBE_HTTP);
	}
}

/* Nobody should wait for a guest that has panicked. */
void requests_trouble(struct supervisor *v)
{
	static const int waits[] = {WAITS_READY, WAITS_LOGIN, WAITS_SSH, WAITS_HTTP, WAITS_WARM};

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		answer_all(v, waits[i], NULL);
	requests_shell(v);
}

static void wait_for_port(struct supervisor *v, struct control *c, int slot, enum probe_id which,
			  int waits_for)
{
	char line[96];

	if (v->probes[which].port == 0) {
		(void)snprintf(line, sizeof line,
			       "no port is forwarded to the guest's port %d (QEMU_HOSTFWDS)\n",
			       which == PROBE_SSH ? 22 : 80);
		answer(c, slot, EXIT_BAD_SETTING, line);
		return;
	}
	if (control_wait(c, slot, waits_for) && v->state == VM_RUNNING)
		probe_want(v, which);
}

static void request_wait(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char why[160];
	bool ready = supervisor_ready(v, why, sizeof why);

	if (requests_wait_shell(v, c, slot, arg))
		return;
	if (strcmp(arg, "exit") == 0)
		(void)control_wait(c, slot, WAITS_GONE);
	else if (v->life.panicked || v->life.halted || v->life.dead)
		answer_health(v, slot, NULL);
	else if (strcmp(arg, "ssh") == 0)
		wait_for_port(v, c, slot, PROBE_SSH, WAITS_SSH);
	else if (strcmp(arg, "http") == 0)
		wait_for_port(v, c, slot, PROBE_HTTP, WAITS_HTTP);
	else if (strcmp(arg, "login") == 0 && v->login_seen)
		answer(c, slot, EXIT_CLEAN, "login prompt on the serial console\n");
	else if (strcmp(arg, "login") == 0)
		(void)control_wait(c, slot, WAITS_LOGIN);
	else if (ready)
		answer_health(v, slot, NULL);
	else
		(void)control_wait(c, slot, WAITS_READY);
}

/* Who waits for the end gets the guest's status; who waits for something else, failure. */
static int status_at_end(const struct control_client *client, int status)
{
	return client->waits_for == WAITS_GONE ? status : EXIT_NOT_READY;
}

void requests_gone(struct supervisor *v, int status)
{
	char text[64];

	(void)snprintf(text, sizeof text, "the guest has ended, exit status %d\n", status);
	control_farewell(&v->control, status_at_end, status, text);
}

/* ---- doing ----------------------------------------------------------------------------- */

static void request_stop(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	c->clients[slot].waits_for = WAITS_GONE;
	v->signalled = true;
	log_info("stop asked for by vm stop");
	supervisor_stop(v, strcmp(arg, "--now") == 0 ? LADDER_NOW : LADDER_STOP);
}

static void request_reset(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	(void)arg;
	bool sent = supervisor_reset(v);

	answer(c, slot, sent ? EXIT_CLEAN : EXIT_QEMU_FAILED, sent ? "" : "QEMU does not answer\n");
}

/* ARG is live or all, and behind it readonly, terminal, or both. */
static void request_console(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static const struct {
		const char *word;
		unsigned how;
	} words[] = {{"all", RELAY_SCROLLBACK},
		     {"live", RELAY_LIVE},
		     {"readonly", RELAY_READ_ONLY},
		     {"terminal", RELAY_TERMINAL}};
	struct relay *r = v->relays[RELAY_SERIAL];
	uint64_t number = c->clients[slot].number;
	unsigned how = 0;
	size_t known = 0, n;

	for (const char *at = arg; *at; at += n + (at[n] == ' ')) {
		n = strcspn(at, " ");
		known = 0;
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (strlen(words[i].word) == n && memcmp(words[i].word, at, n) == 0) {
				how |= words[i].how;
				known = 1;
			}
		if (!known)
			break;
	}
	if (!known)
		answer(c, slot, EXIT_BAD_USAGE,
		       "console takes live or all, and readonly and terminal behind it\n");
	else if (!relay_has_place(r, how))
		answer(c, slot, EXIT_NO_PLACE,
		       "all places that commands of the container have on the console are taken\n");
	else
		(void)relay_adopt(r, control_take(c, slot), how, number);
}

/* Why the connection to the console with the number ARG was closed. */
static void request_console_end(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static const char *const texts[] = {[RELAY_UNKNOWN] = "unknown\n",
					    [RELAY_DROPPED] = "dropped\n",
					    [RELAY_EVICTED] = "evicted\n"};

	answer(c, slot, EXIT_CLEAN,
	       texts[relay_ended(v->relays[RELAY_SERIAL], strtoull(arg, NULL, 10))]);
}

static void request_break(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	(void)arg;
	bool sent = consoles_break(v);

	answer(c, slot, sent ? EXIT_CLEAN : EXIT_QEMU_FAILED, sent ? "" : "QEMU does not answer\n");
}

/* The name of the guest's profile, for who talks to its shell. */
static void request_profile(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char line[32];

	(void)arg;
	(void)snprintf(line, sizeof line, "%s\n", profile_of((enum guest)v->plan->s.guest)->name);
	answer(c, slot, EXIT_CLEAN, line);
}

static void on_screenshot(struct supervisor *v, const char *error, const char *path)
{
	char line[4300];

	(void)snprintf(line, sizeof line, "%s\n", error ? error : path);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (v->control.clients[i].fd >= 0 &&
		    v->control.clients[i].waits_for == WAITS_SCREEN)
			answer(&v->control, i, error ? EXIT_QEMU_FAILED : EXIT_CLEAN, line);
}

/* The answer is the path of a PNG in VM_RUN_DIR, which is the client's to take away. */
static void request_screenshot(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char path[RUN_PATH_MAX];

	(void)arg;
	if (v->plan->s.vga == VGA_NONE)
		answer(c, slot, EXIT_BAD_SETTING,
		       "this guest has no display: set QEMU_VGA=std or ENABLE_VNC=1\n");
	else if (screenshot(v, run_path(&v->plan->s, "screenshot.png", path), on_screenshot))
		c->clients[slot].waits_for = WAITS_SCREEN;
	else
		answer(c, slot, EXIT_QEMU_FAILED,
		       "QEMU does not answer, or is taking another screenshot\n");
}

void requests_await_warm(struct control *c, int slot)
{
	(void)control_wait(c, slot, WAITS_WARM);
}

void requests_warm(struct supervisor *v, int status, const char *line)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (v->control.clients[i].fd >= 0 && v->control.clients[i].waits_for == WAITS_WARM)
			answer(&v->control, i, status, line);
}

/* The client that a monitor command is for: a slot and the number of who was in it. */
struct monitor_call {
	struct control *control;
	int slot;
	uint64_t number;
};

static void on_monitor_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
			     const char *error, void *arg)
{
	struct monitor_call *call = arg;
	struct control_client *client = &call->control->clients[call->slot];

	(void)q, (void)doc;
	if (client->fd >= 0 && client->number == call->number)
		answer(call->control, call->slot, error ? EXIT_QEMU_FAILED : EXIT_CLEAN,
		       error ? error : (result && result->text ? result->text : ""));
	call->control = NULL;
}

static void request_monitor(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static struct monitor_call calls[QMP_QUEUE];
	static char quoted[2 * CONTROL_REQUEST];
	static char arguments[2 * CONTROL_REQUEST + 64];

	for (size_t i = 0; i < QMP_QUEUE; i++) {
		if (calls[i].control)
			continue;
		calls[i] = (struct monitor_call){c, slot, c->clients[slot].number};
		(void)snprintf(arguments, sizeof arguments, "{\"command-line\":%s}",
			       json_quote(arg, quoted, sizeof quoted));
		if (qmp_send(&v->qmp, "human-monitor-command", arguments, on_monitor_reply,
			     &calls[i])) {
			c->clients[slot].waits_for = WAITS_MONITOR;
			return;
		}
		calls[i].control = NULL;
		break;
	}
	answer(c, slot, EXIT_QEMU_FAILED, "QEMU does not answer\n");
}

/* ---- the table ------------------------------------------------------------------------- */

void requests_handle(struct control *c, int slot, char *request, void *arg)
{
	static const struct {
		const char *name;
		void (*handle)(struct supervisor *v, struct control *c, int slot, const char *arg);
	} rows[] = {
		{"status", request_status},   {"health", request_health},
		{"wait", request_wait},	      {"stop", request_stop},
		{"reset", request_reset},     {"monitor", request_monitor},
		{"console", request_console}, {"screenshot", request_screenshot},
		{"profile", request_profile}, {"break", request_break},
		{"warm", state_request},      {"snapshot", snapshots_request},
		{"clock", clock_request},     {"console-end", request_console_end},
		{"prompt", requests_prompt},
	};
	size_t len = strcspn(request, " ");
	const char *rest = request[len] ? request + len + 1 : "";

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, request, len) == 0) {
			rows[i].handle(arg, c, slot, rest);
			return;
		}
	answer(c, slot, EXIT_BAD_USAGE, "this request is not known\n");
}
