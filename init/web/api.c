/* api.c - requests that PID 1 answers itself, over its control socket (proto/control.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/web.h"

/* A pending request of a session. Either ends with the other. */
struct call {
	struct ask *ask;
};

static void forget(struct session *s)
{
	struct call *c = s->own;

	ask_cancel(c->ask);
	free(c);
	s->own = NULL;
	s->closed = NULL;
}

/* The answer has arrived: free the call. */
static void over(struct session *s)
{
	struct call *c = s->own;

	c->ask = NULL; /* it frees itself */
	forget(s);
}

static void call(struct session *s, const char *line, ask_done *done)
{
	struct call *c = calloc(1, sizeof *c);

	if (c)
		c->ask = ask(line, s, done, NULL);
	if (!c || !c->ask) {
		free(c);
		answer_problem(s, 503, EXIT_NO_SLOT, "too much is under way", "try again");
		return;
	}
	s->own = c;
	s->closed = forget;
}

/* TEXT is PID 1's; the fix, if any, follows a semicolon. */
static void problem(struct session *s, int status, const char *text, size_t n)
{
	char detail[1024];

	(void)snprintf(detail, sizeof detail, "%.*s", (int)(n < 1000 ? n : 1000), text ? text : "");
	detail[strcspn(detail, "\n")] = '\0';
	answer_problem(s, status == EXIT_NOT_READY ? 503 : http_status_of(status), status,
		       detail[0] ? detail : "PID 1 has not answered", NULL);
}

static void on_json(struct session *s, void *arg, int status, const char *text, size_t n)
{
	(void)arg;
	over(s);
	if (status == EXIT_CLEAN && text)
		answer_bytes(s, 200, "application/json", text, n);
	else
		problem(s, status, text, n);
}

void handle_status(struct session *s)
{
	call(s, "status --json", on_json);
}

static void on_health(struct session *s, void *arg, int status, const char *text, size_t n)
{
	char out[2048];
	char line[1024];

	(void)arg;
	over(s);
	(void)snprintf(line, sizeof line, "%.*s", (int)(n < 1000 ? n : 1000), text ? text : "");
	line[strcspn(line, "\n")] = '\0';
	size_t len = json_line(out, sizeof out,
			       JSON_LIST(J_BOOL("ready", status == EXIT_CLEAN),
					 J_INT("exit_status", status), J_TEXT("line", line)));

	answer_bytes(s, status == EXIT_CLEAN ? 200 : 503, "application/json", out, len);
}

void handle_health(struct session *s)
{
	call(s, "health", on_health);
}

/* ---- commands whose answer is not waited for --------------------------------------------------
 */

static void on_done(struct session *s, void *arg, int status, const char *text, size_t n)
{
	(void)arg;
	over(s);
	if (status == EXIT_CLEAN)
		answer(s, 204, NULL, "");
	else
		problem(s, status, text, n);
}

static void on_monitor(struct session *s, void *arg, int status, const char *text, size_t n)
{
	size_t size = 6 * n + 64;
	char *out = malloc(size);
	char *copy = malloc(n + 1);

	(void)arg;
	over(s);
	if (out && copy && status == EXIT_CLEAN && text) {
		size_t end = 0;

		/* QEMU's lines end with CR LF. */
		for (size_t i = 0; i < n; i++)
			if (text[i] != '\r')
				copy[end++] = text[i];
		copy[end] = '\0';
		size_t len = json_line(out, size, JSON_LIST(J_TEXT("output", copy)));

		answer_bytes(s, 200, "application/json", out, len);
	} else {
		problem(s, status, text, n);
	}
	free(out);
	free(copy);
}

void handle_monitor(struct session *s)
{
	const struct json *doc = session_json(s);
	char line[4000];

	if (!doc)
		return;
	const char *command;

	if (!parameter_text(s, doc, "command", &command) || strpbrk(command, "\r\n")) {
		answer_problem(s, 400, EXIT_BAD_USAGE, "command: a line is needed",
			       "send {\"command\":\"info status\"}");
		return;
	}
	(void)snprintf(line, sizeof line, "monitor %s", command);
	call(s, line, on_monitor);
}

static void on_display(struct session *s, void *arg, int status, const char *text, size_t n)
{
	(void)arg, (void)text, (void)n;
	over(s);
	if (status == EXIT_BAD_SETTING)
		answer_problem(s, 409, status, "this guest has no display", "set QEMU_VGA");
	else
		answer_problem(s, 400, EXIT_BAD_USAGE, "this is a WebSocket", NULL);
}

void display_plain(struct session *s)
{
	call(s, "screenshot possible", on_display);
}

void handle_reset(struct session *s)
{
	call(s, "reset", on_done);
}

void handle_warm(struct session *s)
{
	call(s, "warm", on_done);
}

void handle_pause(struct session *s)
{
	call(s, "monitor stop", on_done);
}

void handle_continue(struct session *s)
{
	call(s, "monitor cont", on_done);
}

/* PID 1 answers a stop when the guest has ended, and this program ends with it. So the client is
 * told that the stop was requested. The connection stays open; a second request skips to the next
 * step. */
static void on_stopped(struct session *s, void *arg, int status, const char *text, size_t n)
{
	(void)s, (void)arg, (void)status, (void)text, (void)n;
}

static void stop(struct session *s, bool now)
{
	if (ask(now ? "stop --now" : "stop", NULL, on_stopped, NULL))
		answer(s, 202, NULL, "");
	else
		answer_problem(s, 503, EXIT_NO_SLOT, "too much is under way", "try again");
}

void handle_stop(struct session *s)
{
	const struct json *doc = session_json(s);

	if (doc)
		stop(s, parameter_bool(s, doc, "now"));
}

/* The kind of stop depends on VM_STOP. */
static void on_settings(struct session *s, const char *text)
{
	const char *row = strstr(text, "\"name\":\"VM_STOP\",");
	const char *value = row ? strstr(row, "\"value\":\"") : NULL;

	if (value && strncmp(value + 9, "suspend\"", 8) == 0)
		stop(s, false);
	else
		answer_problem(s, 409, EXIT_BAD_SETTING,
			       "VM_STOP=poweroff: a stop does not suspend",
			       "start the guest with VM_STOP=suspend");
}

void handle_suspend(struct session *s)
{
	static const char *const texts[] = {"settings", NULL};

	run_collect(s, texts, on_settings);
}
