/* events.c - GET /api/v1/events: Server-Sent Events (HTML standard, 9.2).
 *
 * Events of PID 1 and lines of its log are read from events.jsonl and qemu.log by each client at
 * its own pace. `id: N-M` contains the positions in both files after the event, so that
 * Last-Event-ID resumes a broken connection, even with another vm-web. The state is requested every
 * two seconds, once for all clients, and sent when it has changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "format/http_fields.h"
#include "web/web.h"

#define STATUS_NS (2 * SECOND)
#define REOPEN_NS (5 * SECOND)
#define LINE_MAX_ 16384
/* Size of the log's tail for a new client. */
#define LOG_TAIL 16384

enum { EVENTS, LOG, FILES };

static const char *const names[FILES] = {"events.jsonl", "qemu.log"};

static struct {
	int fd;
	ino_t inode;
	long long size;
	struct task *opening;
	uint64_t asked;
} files[FILES] = {{.fd = -1}, {.fd = -1}};

struct follower {
	struct session *session;
	struct follower *next;
	long long at[FILES];
	bool log_begins; /* its position in the log is not known yet */
	bool status_sent;
};

static struct follower *followers;
static struct ask *asking;
static uint64_t asked;
static char last_status[65536];

/* ---- one client ---------------------------------------------------------------------------- */

static const char *level_of(const char *line)
{
	const char *text = strstr(line, "vm: ");

	if (text && strncmp(text + 4, "warning: ", 9) == 0)
		return "warning";
	if (text && strncmp(text + 4, "error: ", 7) == 0)
		return "error";
	return text ? "info" : "qemu";
}

static void send_line(struct follower *f, int which, char *line)
{
	static char json[6 * LINE_MAX_ + 128];
	char name[64] = "log";
	char id[64];
	struct session *s = f->session;

	if (which == EVENTS && !event_name(line, name, sizeof name))
		return;
	if (which == LOG)
		(void)json_write(json, sizeof json,
				 JSON_LIST(J_TEXT("level", level_of(line)), J_TEXT("text", line)));
	(void)snprintf(id, sizeof id, "id: %lld-%lld\n", f->at[EVENTS], f->at[LOG]);
	answer_add(s, id, strlen(id));
	answer_event(s, name, which == EVENTS ? line : json);
}

/* Send the next lines of file WHICH. False: there are none. */
static bool read_lines(struct follower *f, int which)
{
	static char buf[LINE_MAX_ + 1];
	ssize_t n;
	bool sent = false;

	if (files[which].fd < 0 || f->at[which] >= files[which].size)
		return false;
	n = pread(files[which].fd, buf, LINE_MAX_, f->at[which]);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	for (char *line = buf, *end; (end = memchr(line, '\n', (size_t)(buf + n - line))) != NULL;
	     line = end + 1) {
		*end = '\0';
		f->at[which] += end + 1 - line;
		send_line(f, which, line);
		sent = true;
	}
	if (!sent && n == LINE_MAX_) { /* our lines are shorter */
		f->at[which] += n;
		return true;
	}
	return sent;
}

static bool fill(struct session *s)
{
	struct follower *f = s->own;
	bool more = false;

	if (f->log_begins && files[LOG].fd >= 0) {
		f->at[LOG] = files[LOG].size > LOG_TAIL ? files[LOG].size - LOG_TAIL : 0;
		f->log_begins = false;
	}
	for (int i = 0; i < FILES; i++)
		if (!(i == LOG && f->log_begins))
			more = read_lines(f, i) || more;
	return more;
}

static void closed(struct session *s)
{
	struct follower *f = s->own;

	for (struct follower **at = &followers; *at; at = &(*at)->next)
		if (*at == f) {
			*at = f->next;
			break;
		}
	free(f);
	if (followers)
		return;
	ask_cancel(asking);
	asking = NULL;
	last_status[0] = '\0';
	for (int i = 0; i < FILES; i++) {
		task_cancel(files[i].opening);
		files[i].opening = NULL;
		files[i].asked = 0;
		fd_close(&files[i].fd);
	}
}

void events_open(struct session *s)
{
	struct follower *f = calloc(1, sizeof *f);
	char id[64] = "";
	long long n, m;

	if (!f) {
		answer_no_memory(s);
		return;
	}
	f->session = s;
	f->at[EVENTS] = server.events_at;
	f->log_begins = true;
	if (parameter_header(s, "Last-Event-ID", id, sizeof id) && event_id_parse(id, &n, &m)) {
		f->at[EVENTS] = n;
		if (m >= 0) {
			f->at[LOG] = m;
			f->log_begins = false;
		}
	}
	f->next = followers;
	followers = f;
	s->own = f;
	s->fill = fill;
	s->closed = closed;
	lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
	answer_begin(s, 200, "text/event-stream", -1);
	answer_add(s, "retry: 1000\n\n", 13);
	profile_greet(s);
	events_tick();
}

void events_broadcast(const char *name, const char *json)
{
	for (struct follower *f = followers; f; f = f->next)
		if (f->session->out.len < OUT_HIGH / 4)
			answer_event(f->session, name, json);
}

/* ---- the files ----------------------------------------------------------------------------- */

static void on_opened(struct task *t)
{
	int i = (int)(intptr_t)t->arg;
	struct stat st;

	files[i].opening = NULL;
	if (t->status != EXIT_CLEAN || t->fd < 0 || fstat(t->fd, &st) != 0)
		return;
	/* The file was replaced: read the new one from its beginning. */
	if (files[i].inode && files[i].inode != st.st_ino)
		for (struct follower *f = followers; f; f = f->next)
			f->at[i] = 0;
	fd_close(&files[i].fd);
	files[i].fd = t->fd;
	files[i].inode = st.st_ino;
	t->fd = -1;
}

static void look_at(int i, uint64_t now)
{
	const char *const texts[] = {names[i], NULL};
	struct stat st;

	if (!files[i].opening && (!files[i].asked || now - files[i].asked > REOPEN_NS)) {
		files[i].asked = now;
		files[i].opening =
			task_start(WEB_FILE, texts, NULL, NULL, on_opened, (void *)(intptr_t)i);
	}
	if (files[i].fd < 0 || fstat(files[i].fd, &st) != 0)
		return;
	files[i].size = st.st_size;
	for (struct follower *f = followers; f; f = f->next) {
		if (f->at[i] > st.st_size) /* it was truncated */
			f->at[i] = 0;
		if (f->at[i] < st.st_size)
			session_wake(f->session);
	}
}

/* ---- the state ------------------------------------------------------------------------------ */

/* Compare without the members that change continuously. */
static bool is_news(const char *text)
{
	static uint64_t sent;
	bool news = strcmp(text, last_status) != 0;

	(void)snprintf(last_status, sizeof last_status, "%s", text);
	news = news || now_ns() - sent > STATUS_NS;
	sent = news ? now_ns() : sent;
	return news;
}

static void on_status(struct session *s, void *arg, int status, const char *text, size_t n)
{
	static char line[65536];

	(void)s, (void)arg;
	asking = NULL;
	if (status != EXIT_CLEAN || !text || n >= sizeof line)
		return;
	memcpy(line, text, n);
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (is_news(line)) {
		events_broadcast("status", line);
		return;
	}
	for (struct follower *f = followers; f; f = f->next) {
		if (!f->status_sent)
			answer_event(f->session, "status", line);
		f->status_sent = true;
	}
}

void events_tick(void)
{
	uint64_t now = now_ns();

	if (!followers)
		return;
	for (int i = 0; i < FILES; i++)
		look_at(i, now);
	if (!asking && now - asked >= STATUS_NS) {
		asked = now;
		asking = ask("status --json", NULL, on_status, NULL);
	}
}
