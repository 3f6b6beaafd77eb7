/* broker.c - vm-web's side of proto/web.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/io.h"
#include "base/log.h"
#include "format/sha256.h"
#include "web/web.h"

/* ---- sending requests ---------------------------------------------------------------------- */

static bool send_request(enum web_op op, const char *const *texts, const int *fds, size_t count)
{
	static struct web_request r;

	r.op = op;
	r.size = 0;
	for (; *texts; texts++) {
		size_t n = strlen(*texts) + 1;

		if (r.size + n > sizeof r.text)
			return false;
		memcpy(r.text + r.size, *texts, n);
		r.size += (uint32_t)n;
	}
	return fds_send(server.broker, &r, offsetof(struct web_request, text) + r.size, fds, count,
			MSG_DONTWAIT);
}

static void task_free(struct task *t)
{
	watch_close(&t->reply);
	watch_close(&t->in);
	watch_close(&t->out);
	watch_close(&t->err);
	fd_close(&t->fd);
	buffer_free(&t->input);
	free(t);
	server.tasks--;
}

void task_cancel(struct task *t)
{
	if (t)
		task_free(t);
}

static void finish_if_over(struct task *t)
{
	if (t->reply.fd >= 0 || t->out.fd >= 0 || t->err.fd >= 0)
		return;
	if (t->status < 0)
		t->status = EXIT_INTERNAL;
	t->done(t);
	task_free(t);
}

static void on_reply(struct watch *w, uint32_t events)
{
	struct task *t = w->arg;
	struct web_reply r;
	int fd;
	ssize_t n = fds_receive(w->fd, &r, sizeof r, &fd, 1, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof r && t->status < 0) {
		r.text[sizeof r.text - 1] = '\0';
		t->status = r.status;
		if (r.text[0])
			t->words_len = (size_t)snprintf(t->words, sizeof t->words, "%s", r.text);
		t->fd = fd;
	} else {
		fd_close(&fd);
	}
	watch_close(&t->reply);
	finish_if_over(t);
}

static void on_output(struct watch *w, uint32_t events)
{
	struct task *t = w->arg;
	char buf[16384];
	ssize_t n = read(w->fd, buf, sizeof buf);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		t->output(t, buf, (size_t)n);
		return;
	}
	watch_close(&t->out);
	finish_if_over(t);
}

/* The last part of its output. */
static void on_words(struct watch *w, uint32_t events)
{
	struct task *t = w->arg;
	char buf[1024];
	ssize_t n = read(w->fd, buf, sizeof buf);
	size_t most = sizeof t->words - 1;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		if (t->said)
			t->said(t, buf, (size_t)n);
		if (t->words_len + (size_t)n > most) {
			size_t drop = t->words_len + (size_t)n - most;

			memmove(t->words, t->words + drop, t->words_len - drop);
			t->words_len -= drop;
		}
		memcpy(t->words + t->words_len, buf, (size_t)n);
		t->words_len += (size_t)n;
		t->words[t->words_len] = '\0';
		return;
	}
	watch_close(&t->err);
	finish_if_over(t);
}

static void on_input(struct watch *w, uint32_t events)
{
	struct task *t = w->arg;
	ssize_t n = 0;

	(void)events;
	if (t->input.len > 0)
		n = write(w->fd, t->input.data + t->input.at, t->input.len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* it no longer reads; its status has the reason */
		buffer_free(&t->input);
		watch_close(&t->in);
	} else {
		buffer_take(&t->input, (size_t)n);
		if (t->input.len == 0 && t->input_ends)
			watch_close(&t->in);
		else if (t->input.len == 0)
			watch_events(&t->in, 0);
	}
	if (t->input.len == 0 && t->input_taken)
		t->input_taken(t);
}

void task_write(struct task *t, const char *data, size_t n)
{
	if (t->in.fd < 0 || !buffer_add(&t->input, data, n))
		return;
	watch_events(&t->in, EPOLLOUT);
}

void task_write_end(struct task *t)
{
	t->input_ends = true;
	if (t->input.len == 0)
		watch_close(&t->in);
}

void task_pause(struct task *t, bool on)
{
	watch_events(&t->out, on ? 0 : EPOLLIN);
}

static bool nonblock(int fd)
{
	return fd_nonblock(fd, true);
}

struct task *task_start(enum web_op op, const char *const *texts, struct session *s,
			task_output *output, task_done *done, void *arg)
{
	int reply[2] = {-1, -1}, in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
	struct task *t = calloc(1, sizeof *t);
	bool streams = op == WEB_RUN;

	if (!t)
		return NULL;
	t->reply.fd = t->in.fd = t->out.fd = t->err.fd = t->fd = t->status = -1;
	t->session = s;
	t->output = output;
	t->done = done;
	t->arg = arg;
	server.tasks++;
	bool ok = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, reply) == 0 &&
		  (!streams || (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
				pipe2(err, O_CLOEXEC) == 0 && nonblock(in[1]) && nonblock(out[0]) &&
				nonblock(err[0])));
	const int fds[] = {reply[1], in[0], out[1], err[1]};

	ok = ok && send_request(op, texts, fds, streams ? 4 : 1);
	for (size_t i = 0; i < 4; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	if (ok) {
		ok = watch_add(&t->reply, reply[0], EPOLLIN, on_reply, t);
		if (streams) {
			ok &= watch_add(&t->out, out[0], EPOLLIN, on_output, t);
			ok &= watch_add(&t->err, err[0], EPOLLIN, on_words, t);
			ok &= watch_add(&t->in, in[1], EPOLLOUT, on_input, t);
			watch_events(&t->in, 0);
		}
	} else {
		fd_close(&reply[0]);
		fd_close(&in[1]);
		fd_close(&out[0]);
		fd_close(&err[0]);
	}
	if (ok)
		return t;
	task_free(t);
	return NULL;
}

/* The last line of WORDS that begins with PREFIX (after "vm: "), into OUT. */
static bool find_words(const char *words, const char *prefix, char *out, size_t size)
{
	bool found = false;

	for (const char *line = words; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		(void)snprintf(out, size, "%.*s", (int)(strcspn(line, "\n") - strlen(prefix)),
			       line + strlen(prefix));
		found = true;
	}
	return found;
}

void task_problem(const struct task *t, struct session *s)
{
	char detail[1024] = "";
	char fix[600] = "";

	if (!find_words(t->words, "vm: error: ", detail, sizeof detail))
		(void)snprintf(detail, sizeof detail, "%.1000s",
			       t->words[0] ? t->words : "the command failed");
	detail[strcspn(detail, "\n")] = '\0';
	(void)find_words(t->words, "vm:   fix: ", fix, sizeof fix);
	answer_problem(s, http_status_of(t->status), t->status, detail, fix);
}

/* ---- requests to PID 1 --------------------------------------------------------------------- */

#define ANSWER_MAX (256u << 10)

struct ask {
	struct task *task;
	struct watch w;
	struct buffer text;
	struct session *session;
	ask_done *done;
	void *arg;
};

static void ask_free(struct ask *a)
{
	if (a->task)
		task_free(a->task);
	watch_close(&a->w);
	buffer_free(&a->text);
	free(a);
}

void ask_cancel(struct ask *a)
{
	if (a)
		ask_free(a);
}

static void ask_over(struct ask *a, int status, const char *text, size_t n)
{
	a->done(a->session, a->arg, status, text, n);
	ask_free(a);
}

static void on_answer(struct watch *w, uint32_t events)
{
	struct ask *a = w->arg;
	char buf[16384];
	ssize_t n = recv(w->fd, buf, sizeof buf, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && a->text.len + (size_t)n < ANSWER_MAX && buffer_add(&a->text, buf, (size_t)n))
		return;
	if (!buffer_add(&a->text, "", 1))
		return;
	char *text = a->text.data + a->text.at;
	char *rest = strchr(text, '\n');

	if (!rest)
		ask_over(a, EXIT_NOT_READY, NULL, 0);
	else
		ask_over(a, (int)strtol(text, NULL, 10), rest + 1,
			 a->text.len - (size_t)(rest + 1 - text) - 1);
}

static void on_connected(struct task *t)
{
	struct ask *a = t->arg;
	int fd = t->fd;

	a->task = NULL;
	t->fd = -1;
	if (t->status != EXIT_CLEAN || fd < 0)
		ask_over(a, t->status ? t->status : EXIT_INTERNAL, t->words, t->words_len);
	else if (!watch_add(&a->w, fd, EPOLLIN, on_answer, a))
		ask_over(a, EXIT_INTERNAL, NULL, 0);
}

struct ask *ask(const char *line, struct session *s, ask_done *done, void *arg)
{
	const char *const texts[] = {line, NULL};
	struct ask *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->w.fd = -1;
	a->session = s;
	a->done = done;
	a->arg = arg;
	a->task = task_start(WEB_CONTROL, texts, s, NULL, on_connected, a);
	if (a->task)
		return a;
	free(a);
	return NULL;
}

/* ---- notices ------------------------------------------------------------------------------- */

static bool asking;

static void on_display_known(struct session *s, void *arg, int status, const char *text, size_t n)
{
	(void)s, (void)arg, (void)text, (void)n;
	asking = false;
	if (status == EXIT_CLEAN || status == EXIT_BAD_SETTING)
		server.no_display = status == EXIT_BAD_SETTING;
}

void broker_ask_display(void)
{
	if (server.no_display < 0 && !asking)
		asking = ask("screenshot possible", NULL, on_display_known, NULL) != NULL;
}

static void take_hello(const struct web_notice *n)
{
	const char *text[4] = {"", "", "", "0"};
	size_t at = 0;

	for (int i = 0; i < 4 && at < n->size; i++) {
		text[i] = n->text + at;
		at += strlen(n->text + at) + 1;
	}
	(void)snprintf(server.token, sizeof server.token, "%s", text[0]);
	(void)snprintf(server.prefix, sizeof server.prefix, "%s", text[1]);
	(void)snprintf(server.hosts, sizeof server.hosts, "%s", text[2]);
	server.events_at = strtoll(text[3], NULL, 10);
	/* The cookie is valid for this server only and does not contain the token. */
	char both[sizeof server.token + 32];

	(void)snprintf(both, sizeof both, "vm-web session %s", server.token);
	sha256_text(both, strlen(both), server.cookie);
	server.hello = server.token[0];
}

void broker_ready(struct watch *w, uint32_t events)
{
	static struct web_notice n;
	int fd;
	ssize_t got = fds_receive(w->fd, &n, sizeof n - 1, &fd, 1, MSG_DONTWAIT);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		_exit(EXIT_CLEAN); /* the companion has gone, and PID 1 with it */
	if (n.kind == WEB_HELLO && n.size < sizeof n.text && !server.hello)
		take_hello(&n);
	if (fd < 0)
		return;
	if (n.kind != WEB_ACCEPTED || !server.hello || !limit_connection()) {
		server.refused++;
		(void)close(fd);
	} else {
		const int most = SEND_BUFFER;

		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
		struct lws *wsi = lws_adopt_socket_vhost(server.vhost, fd);

		if (wsi)
			limit_connected(wsi);
	}
}
