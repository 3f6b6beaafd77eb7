/* requests.c - see requests.h. */
#include "pid1/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "pid1/status.h"
#include "pid1/supervisor.h"
#include "pid1/waiters.h"

static void request_status(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static char text[MARKERS_MAX * 128 + 16384];

	if (strcmp(arg, "--json") == 0)
		(void)status_json(v, text, sizeof text);
	else
		status_text(v, text, sizeof text);
	control_answer(c, slot, EXIT_CLEAN, text);
}

static void request_health(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char why[160];

	(void)arg;
	if (!status_why(v, why, sizeof why)) {
		waiters_answer_health(v, slot, NULL);
		return;
	}
	c->clients[slot].waits_for = WAITS_HEALTH;
	health_check(&v->health);
}

static void wait_for_port(struct supervisor *v, struct control *c, int slot, enum probe_id which,
			  int waits_for)
{
	char line[96];

	if (!probe_possible(&v->probes, which)) {
		(void)snprintf(
			line, sizeof line,
			"no port is forwarded to the guest's port %d: add one to QEMU_HOSTFWDS\n",
			which == PROBE_SSH ? 22 : 80);
		control_answer(c, slot, EXIT_BAD_SETTING, line);
		return;
	}
	if (control_wait(c, slot, waits_for) && v->life.phase == LIFE_RUNNING)
		probe_want(&v->probes, which);
}

static void request_wait(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char why[160];
	bool ready = status_why(v, why, sizeof why);

	if (strcmp(arg, "exit") == 0)
		(void)control_wait(c, slot, WAITS_GONE);
	else if (lifecycle_over(&v->life) || v->life.verdict == VERDICT_DEAD)
		waiters_answer_health(v, slot, NULL);
	else if (strcmp(arg, "ssh") == 0)
		wait_for_port(v, c, slot, PROBE_SSH, WAITS_SSH);
	else if (strcmp(arg, "http") == 0)
		wait_for_port(v, c, slot, PROBE_HTTP, WAITS_HTTP);
	else if (strcmp(arg, "login") == 0 && v->life.login)
		control_answer(c, slot, EXIT_CLEAN, "login prompt on the serial console\n");
	else if (strcmp(arg, "login") == 0)
		(void)control_wait(c, slot, WAITS_LOGIN);
	else if (ready)
		waiters_answer_health(v, slot, NULL);
	else
		(void)control_wait(c, slot, WAITS_READY);
}

/* ---- requests that act ----------------------------------------------------------------- */

static void request_stop(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	c->clients[slot].waits_for = WAITS_GONE;
	v->life.signalled = true;
	log_info("stop requested by vm stop");
	stop_ask(&v->stop, strcmp(arg, "--now") == 0 ? LADDER_NOW : LADDER_STOP);
}

static void request_reset(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	(void)arg;
	bool sent = reset_press(&v->reset, THEN_AS_BEFORE);

	control_answer(c, slot, sent ? EXIT_CLEAN : EXIT_QEMU_FAILED,
		       sent ? "" : "QEMU does not answer\n");
}

/* ARG is live or all, followed by any of marked, readonly and terminal. */
static void request_console(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static const struct {
		const char *word;
		unsigned how;
	} words[] = {{"all", RELAY_SCROLLBACK},
		     {"live", RELAY_LIVE},
		     {"marked", RELAY_MARKED},
		     {"readonly", RELAY_READ_ONLY},
		     {"terminal", RELAY_TERMINAL}};
	struct relay *r = v->env.relays[RELAY_SERIAL];
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
		control_answer(
			c, slot, EXIT_BAD_USAGE,
			"console takes live or all, followed by marked, readonly and terminal\n");
	else if (!relay_has_slot(r, how))
		control_answer(c, slot, EXIT_NO_SLOT, REQUESTS_NO_SLOT);
	else
		(void)relay_adopt(r, control_take(c, slot, ""), how, number);
}

/* Why the console connection number ARG was closed. */
static void request_console_end(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static const char *const texts[] = {[RELAY_UNKNOWN] = "unknown\n",
					    [RELAY_DROPPED] = "dropped\n",
					    [RELAY_EVICTED] = "evicted\n"};

	control_answer(c, slot, EXIT_CLEAN,
		       texts[relay_ended(v->env.relays[RELAY_SERIAL], strtoull(arg, NULL, 10))]);
}

static void request_break(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	(void)arg;
	bool sent = consoles_break(&v->consoles);

	control_answer(c, slot, sent ? EXIT_CLEAN : EXIT_QEMU_FAILED,
		       sent ? "" : "QEMU does not answer\n");
}

/* The kind of guest (VM_GUEST), for clients that use its shell. */
static void request_guest(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char line[32];

	(void)arg;
	(void)snprintf(line, sizeof line, "%s\n", v->env.plan->guest_name);
	control_answer(c, slot, EXIT_CLEAN, line);
}

static void on_screenshot(void *arg, const char *error, const char *path)
{
	char line[4300];

	(void)snprintf(line, sizeof line, "%s\n", error ? error : path);
	waiters_screen(arg, error ? EXIT_QEMU_FAILED : EXIT_CLEAN, line);
}

/* Answers with the path of a PNG in VM_RUN_DIR, which the client moves away. With ARG `possible`,
 * only whether a screenshot can be taken. */
static void request_screenshot(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char path[RUN_PATH_MAX];

	if (v->env.plan->s.vga == VGA_NONE)
		control_answer(c, slot, EXIT_BAD_SETTING,
			       "this guest has no display: set QEMU_VGA=std or ENABLE_VNC=1\n");
	else if (strcmp(arg, "possible") == 0)
		control_answer(c, slot, EXIT_CLEAN, "");
	else if (screenshot_take(&v->screenshot, run_path(&v->env.plan->s, "screenshot.png", path),
				 on_screenshot, v))
		c->clients[slot].waits_for = WAITS_SCREEN;
	else
		control_answer(
			c, slot, EXIT_QEMU_FAILED,
			"QEMU does not answer, or is taking another screenshot: try again\n");
}

static void request_warm(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	struct error err = {0};

	(void)arg;
	if (warm_start_ask(&v->warm, &err)) {
		(void)control_wait(c, slot, WAITS_WARM);
		return;
	}
	control_answer_error(c, slot, &err);
}

static void request_snapshot(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	(void)c;
	snapshot_request(&v->snapshot, slot, arg);
}

static void request_clock_set(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	(void)arg;
	clock_set(&v->clock);
	control_answer(c, slot, EXIT_CLEAN, "");
}

/* The client that gets the reply to a monitor command: slot and number. */
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
		control_answer(call->control, call->slot, error ? EXIT_QEMU_FAILED : EXIT_CLEAN,
			       error ? error : (result && result->text ? result->text : ""));
	call->control = NULL;
}

static void request_monitor(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static struct monitor_call calls[QMP_QUEUE];
	static char arguments[2 * CONTROL_REQUEST + 64];

	for (size_t i = 0; i < QMP_QUEUE; i++) {
		if (calls[i].control)
			continue;
		calls[i] = (struct monitor_call){c, slot, c->clients[slot].number};
		(void)json_write(arguments, sizeof arguments,
				 JSON_LIST(J_TEXT("command-line", arg)));
		if (qmp_send(&v->qmp, "human-monitor-command", arguments, on_monitor_reply,
			     &calls[i])) {
			c->clients[slot].waits_for = WAITS_MONITOR;
			return;
		}
		calls[i].control = NULL;
		break;
	}
	control_answer(c, slot, EXIT_QEMU_FAILED, "QEMU does not answer\n");
}

/* ---- the table ------------------------------------------------------------------------- */

void requests_handle(struct control *c, int slot, char *request, void *arg)
{
	static const struct {
		const char *name;
		void (*handle)(struct supervisor *v, struct control *c, int slot, const char *arg);
	} rows[] = {
		{"status", request_status},	  {"health", request_health},
		{"wait", request_wait},		  {"stop", request_stop},
		{"reset", request_reset},	  {"monitor", request_monitor},
		{"console", request_console},	  {"screenshot", request_screenshot},
		{"guest", request_guest},	  {"break", request_break},
		{"warm", request_warm},		  {"snapshot", request_snapshot},
		{"clock-set", request_clock_set}, {"console-end", request_console_end},
		{"shell", requests_shell},
	};
	size_t len = strcspn(request, " ");
	const char *rest = request[len] ? request + len + 1 : "";

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, request, len) == 0) {
			rows[i].handle(arg, c, slot, rest);
			return;
		}
	control_answer(c, slot, EXIT_BAD_USAGE,
		       "unknown request: vm and init must be of one version\n");
}
