/* run.c - runs a vm command as a child of the companion; it ends with its request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "format/http_fields.h"
#include "web/run.h"

/* Maximum output of a command that is answered as a whole. */
#define COLLECT_MAX (4u << 20)

void run_free(struct session *s)
{
	struct run *r = s->own;

	task_cancel(r->task);
	buffer_free(&r->text);
	free(r);
	s->own = NULL;
	s->closed = NULL;
	s->drained = NULL;
	s->upload = NULL;
}

struct run *run_over(struct task *t)
{
	struct run *r = t->session->own;

	r->task = NULL;
	return r;
}

struct run *run_start(struct session *s, enum web_op op, const char *const *texts,
		      task_output *output, task_done *done)
{
	struct run *r = calloc(1, sizeof *r);

	if (r)
		r->task = task_start(op, texts, s, output, done, NULL);
	if (!r || !r->task) {
		free(r);
		answer_problem(s, 503, EXIT_NO_SLOT, "too many commands are under way",
			       "try again");
		return NULL;
	}
	s->own = r;
	s->closed = run_free;
	lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	return r;
}

/* ---- answered as a whole ------------------------------------------------------------------- */

void run_keep(struct task *t, const char *data, size_t n)
{
	struct run *r = t->session->own;

	if (r->text.len + n < COLLECT_MAX)
		(void)buffer_add(&r->text, data, n);
}

static void collected(struct task *t)
{
	struct session *s = t->session;
	struct run *r = run_over(t);
	void (*done)(struct session *, const char *) = r->done;

	/* PID 1's reason for a refusal is on standard output. */
	if (t->status != EXIT_CLEAN && !t->words[0] && r->text.len > 0)
		(void)snprintf(t->words, sizeof t->words, "%.*s",
			       (int)(r->text.len < 2000 ? r->text.len : 2000),
			       r->text.data + r->text.at);
	if (t->status != EXIT_CLEAN || !buffer_add(&r->text, "", 1)) {
		run_free(s);
		task_problem(t, s);
		return;
	}
	char *text = r->text.data;

	r->text = (struct buffer){0};
	run_free(s);
	done(s, text);
	free(text);
}

void run_collect(struct session *s, const char *const *texts,
		 void (*done)(struct session *s, const char *text))
{
	struct run *r = run_start(s, WEB_RUN, texts, run_keep, collected);

	if (!r)
		return;
	r->done = done;
	task_write_end(r->task);
}

static void answer_json(struct session *s, const char *text)
{
	answer(s, 200, "application/json", text);
}

static void answer_nothing(struct session *s, const char *text)
{
	(void)text;
	answer(s, 204, NULL, "");
}

void handle_settings(struct session *s)
{
	static const char *const texts[] = {"settings", NULL};

	run_collect(s, texts, answer_json);
}

void handle_snapshot_list(struct session *s)
{
	static const char *const texts[] = {"snapshot-list", NULL};

	run_collect(s, texts, answer_json);
}

static void snapshot(struct session *s, const char *what, const char *name)
{
	const char *const texts[] = {what, name, NULL};

	if (!name || !name[0] || name[0] == '-')
		answer_problem(s, 400, EXIT_BAD_USAGE, "name: a snapshot's name is needed",
			       "send {\"name\":\"clean\"}");
	else
		run_collect(s, texts, answer_nothing);
}

void handle_snapshot_save(struct session *s)
{
	const struct json *doc = session_json(s);

	const char *name;

	if (doc)
		snapshot(s, "snapshot-save", parameter_text(s, doc, "name", &name) ? name : NULL);
}

void handle_snapshot_load(struct session *s)
{
	snapshot(s, "snapshot-load", s->parts[0]);
}

void handle_snapshot_delete(struct session *s)
{
	snapshot(s, "snapshot-delete", s->parts[0]);
}

/* Encode TEXT as an argument of vm send by \xHH, so that nothing in it is an option or an escape.
 */
static bool send_escape(const char *text, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) * 4 + 1 > size)
		return false;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c < 0x7f && c != '\\' && c != '-') {
			*out++ = (char)c;
			continue;
		}
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	*out = '\0';
	return true;
}

void handle_send(struct session *s)
{
	static char escaped[4 * 4000 + 1];
	const struct json *doc = session_json(s);

	if (!doc)
		return;
	bool screen = parameter_bool(s, doc, "screen");
	const char *text, *keys;
	bool fits = parameter_text(s, doc, "text", &text);

	(void)parameter_text(s, doc, "keys", &keys);
	const char *texts[] = {screen ? "send-screen" : "send", escaped, NULL};

	if ((!text || !text[0]) == (!keys || !keys[0])) {
		answer_problem(s, 400, EXIT_BAD_USAGE, "one of text and keys is needed",
			       "send {\"text\":\"ls\\n\"} or {\"keys\":\"ctrl-c\"}");
	} else if (keys && keys[0]) {
		texts[0] = screen ? "send-screen-key" : "send-key";
		texts[1] = keys;
		if (keys[0] == '-')
			answer_problem(s, 400, EXIT_BAD_USAGE, "keys: no such key", NULL);
		else
			run_collect(s, texts, answer_nothing);
	} else if (!fits || !send_escape(text, escaped, sizeof escaped)) {
		answer_problem(s, 413, EXIT_BAD_USAGE, "text: longer than 4000 bytes",
			       "send it in pieces");
	} else {
		run_collect(s, texts, answer_nothing);
	}
}

/* ---- exec and expect ----------------------------------------------------------------------- */

/* Send the command's output up to the last complete character as an event. */
static void say_output(struct session *s, struct run *r, bool all)
{
	static char text[16384 + 8];
	static char json[6 * sizeof text + 64];

	while (r->text.len > 0) {
		size_t n = r->text.len < 16384 ? r->text.len : 16384;
		const char *from = r->text.data + r->text.at;

		n = all && n == r->text.len ? n : utf8_complete_length(from, n);
		if (n == 0)
			break;
		memcpy(text, from, n);
		buffer_take(&r->text, n);
		if (json_write(json, sizeof json, JSON_LIST(J_TEXT_LEN("text", (int)n, text))))
			answer_event(s, "output", json);
	}
}

void run_resume(struct session *s)
{
	struct run *r = s->own;

	if (r && r->task)
		task_pause(r->task, false);
}

static void exec_output(struct task *t, const char *data, size_t n)
{
	struct session *s = t->session;
	struct run *r = s->own;

	(void)buffer_add(&r->text, data, n);
	say_output(s, r, false);
	if (s->out.len > OUT_HIGH)
		task_pause(t, true);
}

static void exec_done(struct task *t)
{
	static char json[8192];
	struct session *s = t->session;
	struct run *r = run_over(t);

	say_output(s, r, true);
	run_free(s);
	(void)json_write(json, sizeof json,
			 JSON_LIST(J_INT("status", t->status),
				   J_TEXT("error", t->words[0] ? t->words : NULL)));
	answer_event(s, "exit", json);
	answer_end(s);
}

void handle_exec(struct session *s)
{
	const struct json *doc = session_json(s);
	char timeout[24];

	if (!doc)
		return;
	const char *command;
	bool fits = parameter_text(s, doc, "command", &command);
	const char *const texts[] = {"exec", timeout, command, NULL};

	if (!fits || !parameter_integer(s, doc, "timeout", timeout)) {
		answer_problem(s, 400, EXIT_BAD_USAGE,
			       "command: a line of at most 16000 bytes, and timeout: 1 to 86400 s",
			       "send {\"command\":\"uname -a\",\"timeout\":60}");
		return;
	}
	struct run *r = run_start(s, WEB_RUN, texts, exec_output, exec_done);

	if (!r)
		return;
	task_write_end(r->task);
	s->drained = run_resume;
	answer_begin(s, 200, "text/event-stream", -1);
}

static void expect_done(struct task *t)
{
	static char line[16384];
	static char json[6 * sizeof line + 64];
	struct session *s = t->session;
	struct run *r = run_over(t);

	(void)snprintf(line, sizeof line, "%.*s", (int)(r->text.len < 16000 ? r->text.len : 16000),
		       r->text.len ? r->text.data + r->text.at : "");
	line[strcspn(line, "\n")] = '\0';
	run_free(s);
	if (t->status == EXIT_CLEAN &&
	    json_line(json, sizeof json, JSON_LIST(J_BOOL("matched", true), J_TEXT("line", line))))
		answer(s, 200, "application/json", json);
	else if (t->status == EXIT_NOT_READY)
		answer_problem(s, 408, t->status, "the console did not show it in time",
			       "wait longer: timeout");
	else
		task_problem(t, s);
}

void handle_expect(struct session *s)
{
	const struct json *doc = session_json(s);
	char timeout[24];
	char pattern[4096];

	if (!doc)
		return;
	bool screen = parameter_bool(s, doc, "screen");
	const char *regex, *from;

	if (!parameter_text(s, doc, "pattern", &regex) || !parameter_text(s, doc, "from", &from) ||
	    !parameter_integer(s, doc, "timeout", timeout)) {
		answer_problem(s, 400, EXIT_BAD_USAGE,
			       "pattern: an expression of at most 2000 bytes; timeout: 1 to "
			       "86400 s; from: start or now",
			       "send {\"pattern\":\"login:\",\"timeout\":30}");
		return;
	}
	/* An expression that begins with a dash would be parsed as an option. */
	(void)snprintf(pattern, sizeof pattern, "%s%s", regex[0] == '-' ? "[-]" : "",
		       regex[0] == '-' ? regex + 1 : regex);
	bool start = from && strcmp(from, "start") == 0;
	const char *const console[] = {"expect", timeout, start ? "start" : "now", pattern, NULL};
	const char *const display[] = {"expect-screen", timeout, pattern, NULL};
	struct run *r = run_start(s, WEB_RUN, screen ? display : console, run_keep, expect_done);

	if (r)
		task_write_end(r->task);
}
