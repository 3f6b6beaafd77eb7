/* files.c - the guest's files (push and pull), and files that the companion opens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "web/run.h"

/* ---- files ---------------------------------------------------------------------------------- */

static bool is_guest_path(const char *path)
{
	return path[0] == '/' && strlen(path) < 4000 && !strpbrk(path, "\r\n");
}

static void upload_continue(struct task *t)
{
	lws_rx_flow_control(t->session->wsi, 1);
}

/* A piece of the body has arrived. False: wait. */
static bool upload(struct session *s, const char *data, size_t n, bool last)
{
	struct run *r = s->own;

	task_write(r->task, data, n);
	if (last)
		task_write_end(r->task);
	return r->task->input.len < OUT_HIGH;
}

static void push_done(struct task *t)
{
	struct session *s = t->session;
	struct run *r = run_over(t);

	s->upload = NULL;
	lws_rx_flow_control(s->wsi, 1);
	if (t->status == EXIT_CLEAN && buffer_add(&r->text, "", 1)) {
		/* The command prints its own message last. */
		char *text = r->text.data + r->text.at;
		char *json = strstr(text, "{\"files\"");

		answer(s, 200, "application/json", json ? json : "{}");
		run_free(s);
		return;
	}
	run_free(s);
	task_problem(t, s);
}

void handle_push(struct session *s)
{
	char to[4096];
	const char *const texts[] = {"push", to, NULL};

	if (!parameter_query(s, "to", to, sizeof to) || !is_guest_path(to)) {
		answer_problem(s, 400, EXIT_BAD_USAGE, "to: a directory of the guest is needed",
			       "POST /api/v1/push?to=/root");
		return;
	}
	struct run *r = run_start(s, WEB_RUN, texts, run_keep, push_done);

	if (!r)
		return;
	r->task->input_taken = upload_continue;
	s->upload = upload;
	if (s->body_left == 0)
		task_write_end(r->task);
}

static void pull_output(struct task *t, const char *data, size_t n)
{
	struct session *s = t->session;
	struct run *r = s->own;

	if (!r->started) {
		r->started = true;
		(void)snprintf(s->headers, sizeof s->headers,
			       "content-disposition: attachment; filename=\"pull.tar\"\n");
		answer_begin(s, 200, "application/x-tar", -1);
	}
	answer_add(s, data, n);
	if (s->out.len > OUT_HIGH)
		task_pause(t, true);
}

static void pull_done(struct task *t)
{
	struct session *s = t->session;
	struct run *r = run_over(t);
	bool started = r->started;

	run_free(s);
	if (!started)
		task_problem(t, s);
	else if (t->status != EXIT_CLEAN)
		s->failed = true; /* cut off, so that the client does not take it for complete */
	else
		answer_end(s);
	session_wake(s);
}

void handle_pull(struct session *s)
{
	char path[4096];
	const char *const texts[] = {"pull", path, NULL};

	if (!parameter_query(s, "path", path, sizeof path) || !is_guest_path(path)) {
		answer_problem(s, 400, EXIT_BAD_USAGE, "path: a path of the guest is needed",
			       "GET /api/v1/pull?path=/etc/hostname");
		return;
	}
	struct run *r = run_start(s, WEB_RUN, texts, pull_output, pull_done);

	if (!r)
		return;
	s->drained = run_resume;
	task_write_end(r->task);
}

/* ---- files opened by the companion ---------------------------------------------------------- */

struct file {
	int fd;
	long long size, at;
};

static bool fill_file(struct session *s)
{
	static char buf[16384];
	struct file *f = s->own;
	long long left = f->size - f->at;
	size_t want = left < (long long)sizeof buf ? (size_t)left : sizeof buf;
	ssize_t n = want > 0 ? pread(f->fd, buf, want, f->at) : 0;

	s->ended = f->at + n == f->size;
	s->failed = n <= 0 && !s->ended; /* it has become shorter */
	f->at += n > 0 ? n : 0;
	return n > 0 && buffer_add(&s->out, buf, (size_t)n) && !s->ended;
}

static void free_file(struct session *s)
{
	struct file *f = s->own;

	(void)close(f->fd);
	free(f);
}

static void file_done(struct task *t)
{
	static const char *const types[][2] = {{".json", "application/json"},
					       {".svg", "image/svg+xml"},
					       {".csv", "text/csv; charset=utf-8"},
					       {".png", "image/png"},
					       {".html", "text/plain; charset=utf-8"}};
	struct session *s = t->session;
	struct file *f = calloc(1, sizeof *f);
	const char *type = "text/plain; charset=utf-8";
	const char *dot = strrchr(s->parts[1][0] ? s->parts[1] : ".json", '.');
	off_t size = t->fd < 0 ? -1 : lseek(t->fd, 0, SEEK_END);

	(void)run_over(t);
	run_free(s);
	if (strcmp(s->path, "/api/v1/screenshot.png") == 0)
		dot = ".png";
	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcmp(dot, types[i][0]) == 0)
			type = types[i][1];
	if (t->status != EXIT_CLEAN || size < 0 || !f) {
		free(f);
		task_problem(t, s);
		return;
	}
	*f = (struct file){.fd = t->fd, .size = size};
	t->fd = -1;
	s->own = f;
	s->closed = free_file;
	s->fill = fill_file;
	answer_begin(s, 200, type, size);
}

void handle_screenshot(struct session *s)
{
	static const char *const texts[] = {"screenshot", NULL};

	(void)run_start(s, WEB_SCREEN, texts, NULL, file_done);
}

void handle_profile(struct session *s)
{
	const char *const texts[] = {s->parts[0], "results.json", NULL};

	(void)run_start(s, WEB_FILE, texts, NULL, file_done);
}

void handle_profile_file(struct session *s)
{
	const char *const texts[] = {s->parts[0], s->parts[1], NULL};

	(void)run_start(s, WEB_FILE, texts, NULL, file_done);
}
