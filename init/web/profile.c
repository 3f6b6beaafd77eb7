/* profile.c - profiles: the list, and the running profile (vm profile). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "web/run.h"

/* The running profile. It continues after its client has disconnected. */
static struct {
	struct task *task;
	char name[64];
	char line[256]; /* the last line that it printed */
	size_t len;
	long long done, total;
	uint64_t started, last; /* LAST: when DONE has changed */
} running;

/* ---- its progress --------------------------------------------------------------------------- */

/* Each of the boots that are left takes as long as those before; the one that runs has begun when
 * the last was done. */
static double time_left(void)
{
	double each = running.done > 0 ? (double)(running.last - running.started) / 1e9 /
						 (double)running.done
				       : 0;
	double left = each * (double)(running.total - running.done) -
		      (double)(now_ns() - running.last) / 1e9;

	return left > 0 ? left : 0;
}

static const char *describe(const char *state)
{
	static char json[1024];

	(void)json_write(json, sizeof json,
			 JSON_LIST(J_TEXT("name", running.name), J_TEXT("state", state),
				   J_INT("done", running.done), J_INT("total", running.total),
				   J_NUMBER("eta_s", 0, time_left()),
				   J_TEXT("text", running.line)));
	return json;
}

static void tell(const char *state)
{
	events_broadcast("profile", describe(state));
}

void profile_greet(struct session *s)
{
	if (running.task)
		answer_event(s, "profile", describe("running"));
}

/* ---- the list ------------------------------------------------------------------------------- */

static void on_list(struct task *t)
{
	static char text[32768];
	static char list[65536];
	static char out[65536 + 2048];
	struct session *s = t->session;
	struct json_list l;
	ssize_t n = t->fd < 0 ? -1 : pread(t->fd, text, sizeof text - 1, 0);

	s->own = NULL;
	s->closed = NULL;
	if (t->status != EXIT_CLEAN || n < 0) {
		task_problem(t, s);
		return;
	}
	text[n] = '\0';
	json_list_begin(&l, list, sizeof list);
	for (char *name = text; *name; name += strlen(name) + 1) {
		char *end = strchr(name, '\n');

		if (!end)
			break;
		*end = '\0';
		json_list_object(&l, JSON_LIST(J_TEXT("name", name)));
	}
	size_t len = json_line(
		out, sizeof out,
		JSON_LIST(J_RAW("profiles", json_list_end(&l)),
			  J_TEXT("running", running.task ? running.name : NULL),
			  J_RAW("progress", running.task ? describe("running") : "null")));

	answer_bytes(s, 200, "application/json", out, len);
}

static void forget(struct session *s)
{
	task_cancel(s->own);
}

void handle_profiles(struct session *s)
{
	static const char *const texts[] = {"profiles", NULL};
	struct task *t = task_start(WEB_LIST, texts, s, NULL, on_list, NULL);

	if (!t) {
		answer_problem(s, 503, EXIT_NO_SLOT, "too much is under way", "try again");
		return;
	}
	s->own = t;
	s->closed = forget;
}

/* ---- how far one is, whatever runs it ------------------------------------------------------- */

/* Of a run that was interrupted the command's status is 1. */
static void on_status(struct task *t)
{
	struct session *s = t->session;
	struct run *r = run_over(t);
	struct buffer text = r->text;

	r->text = (struct buffer){0};
	run_free(s);
	if ((t->status == EXIT_CLEAN || t->status == EXIT_NOT_READY) && text.len > 0)
		answer_bytes(s, 200, "application/json", text.data + text.at, text.len);
	else
		task_problem(t, s);
	buffer_free(&text);
}

void handle_profile_status(struct session *s)
{
	const char *const texts[] = {"profile-status", s->parts[0], NULL};
	struct run *r = run_start(s, WEB_RUN, texts, run_keep, on_status);

	if (r)
		task_write_end(r->task);
}

/* ---- one that runs -------------------------------------------------------------------------- */

/* ` 25 % (3 of 12), …` after each sample (profile/profiler.c). */
static void take_line(void)
{
	const char *of = strstr(running.line, " of ");
	const char *from = of;

	while (from && from > running.line && from[-1] >= '0' && from[-1] <= '9')
		from--;
	if (from && from < of && of[4] >= '0' && of[4] <= '9') {
		running.done = strtoll(from, NULL, 10);
		running.total = strtoll(of + 4, NULL, 10);
		running.last = now_ns();
	}
	tell("running");
}

/* The report, which is in its directory. */
static void on_output(struct task *t, const char *data, size_t n)
{
	(void)t, (void)data, (void)n;
}

static void on_said(struct task *t, const char *data, size_t n)
{
	(void)t;
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			running.line[running.len] = '\0';
			take_line();
			running.len = 0;
		} else if (running.len < sizeof running.line - 1) {
			running.line[running.len++] = data[i];
		}
	}
}

static void on_ended(struct task *t)
{
	if (t->status != EXIT_CLEAN)
		(void)snprintf(running.line, sizeof running.line, "%.250s", t->words);
	tell(t->status == EXIT_CLEAN ? "done" : "failed");
	running.task = NULL;
}

void handle_profile_start(struct session *s)
{
	const char *texts[WEB_TEXTS + 1] = {"profile", "--out", running.name};
	const struct json *doc = session_json(s);
	time_t now = time(NULL);
	struct tm tm;
	char json[256];
	size_t n = 3;

	if (!doc)
		return;
	if (running.task) {
		answer_problem(s, 409, EXIT_NO_SLOT, "a profile is running already",
			       "wait for its end: event profile");
		return;
	}
	for (const struct parameter *p = s->route->parameters; p->name; p++) {
		const struct json_value *v = json_get(doc, doc->values, p->name);

		if (!v)
			continue;
		if ((v->type != JSON_STRING && v->type != JSON_NUMBER) || !v->text[0] ||
		    v->text[0] == '-' || strlen(v->text) > (size_t)p->max) {
			answer_problem(s, 400, EXIT_BAD_USAGE,
				       "the matrix: each member is a text or a number",
				       "send {\"cpus\":\"1,2\",\"samples\":3}");
			return;
		}
		texts[n++] = p->option;
		texts[n++] = v->text;
	}
	texts[n] = NULL;
	(void)gmtime_r(&now, &tm);
	(void)strftime(running.name, sizeof running.name, "profile-%Y%m%dT%H%M%SZ", &tm);
	running.done = running.total = 0;
	running.len = 0;
	running.line[0] = '\0';
	running.started = running.last = now_ns();
	running.task = task_start(WEB_RUN, texts, NULL, on_output, on_ended, NULL);
	if (!running.task) {
		answer_problem(s, 503, EXIT_NO_SLOT, "too many commands are under way",
			       "try again");
		return;
	}
	running.task->said = on_said;
	task_write_end(running.task);
	(void)json_line(json, sizeof json, JSON_LIST(J_TEXT("name", running.name)));
	answer(s, 202, "application/json", json);
}
