/* metrics.c - GET /metrics in OpenMetrics text format, from PID 1's status and /proc. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/metrics.h"
#include "web/web.h"

/* What QEMU said last of its disks. It may be busy for long (a snapshot) or not answer at all: then
 * a request is answered with what is known, and no second question waits beside the first. */
#define BLOCKS_NS SECOND

static struct {
	struct ask *ask;
	char text[8192];
} blocks;

struct scrape {
	struct ask *ask;
	struct task *task;
	char status[65536];
	size_t status_len;
	char usage[8192];
	uint64_t waits; /* since when for QEMU; 0: it does not */
};

static void forget(struct session *s)
{
	struct scrape *m = s->own;

	ask_cancel(m->ask);
	task_cancel(m->task);
	free(m);
	s->own = NULL;
	s->closed = NULL;
	s->tick = NULL;
}

static void finish(struct session *s)
{
	static char out[65536];
	struct scrape *m = s->own;
	unsigned clients;
	unsigned long long bytes;
	struct web_counts counts = {.connections = server.connections,
				    .requests = server.requests,
				    .refused = server.refused,
				    .limited = server.limited,
				    .failed = server.logins_failed,
				    .slow = server.slow};

	console_stats(&clients, &bytes);
	counts.console_clients = clients;
	counts.console_bytes = bytes;
	bool ok = metrics_write(m->status, m->status_len, m->usage, sysconf(_SC_CLK_TCK),
				sysconf(_SC_PAGESIZE), blocks.text, &counts, out, sizeof out);

	forget(s);
	if (ok)
		answer(s, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", out);
	else
		answer_problem(s, 500, EXIT_INTERNAL, "PID 1's status is damaged", NULL);
}

static void tick(struct session *s)
{
	const struct scrape *m = s->own;

	if (m->waits && now_ns() - m->waits >= BLOCKS_NS)
		finish(s);
}

static void on_blocks(struct session *none, void *arg, int status, const char *text, size_t n)
{
	(void)none, (void)arg;
	blocks.ask = NULL;
	(void)snprintf(blocks.text, sizeof blocks.text, "%.*s",
		       status == EXIT_CLEAN && text ? (int)(n < 8000 ? n : 8000) : 0,
		       text ? text : "");
	for (struct session *s = session_list, *next; s; s = next) {
		next = s->next;
		if (s->tick == tick && ((struct scrape *)s->own)->waits)
			finish(s);
	}
}

static void on_usage(struct task *t)
{
	struct session *s = t->session;
	struct scrape *m = s->own;
	ssize_t n = t->fd < 0 ? -1 : pread(t->fd, m->usage, sizeof m->usage - 1, 0);

	m->task = NULL;
	m->usage[n > 0 ? n : 0] = '\0';
	m->waits = now_ns();
	if (!blocks.ask)
		blocks.ask = ask("monitor info blockstats", NULL, on_blocks, NULL);
	if (!blocks.ask)
		finish(s);
}

static void on_status(struct session *s, void *arg, int status, const char *text, size_t n)
{
	struct scrape *m = s->own;
	char pid[24] = "0";
	const char *const texts[] = {pid, NULL};
	const char *at;

	(void)arg;
	m->ask = NULL;
	if (status != EXIT_CLEAN || !text || n >= sizeof m->status - 1) {
		forget(s);
		answer_problem(s, 503, status, "PID 1 has not answered", NULL);
		return;
	}
	memcpy(m->status, text, n);
	m->status[n] = '\0';
	m->status_len = n;
	at = strstr(m->status, "\"qemu\":{\"pid\":");
	if (at)
		(void)snprintf(pid, sizeof pid, "%ld", strtol(at + 14, NULL, 10));
	m->task = task_start(WEB_USAGE, texts, s, NULL, on_usage, NULL);
	if (!m->task)
		finish(s);
}

void handle_metrics(struct session *s)
{
	struct scrape *m = calloc(1, sizeof *m);

	if (m)
		m->ask = ask("status --json", s, on_status, NULL);
	if (!m || !m->ask) {
		free(m);
		answer_problem(s, 503, EXIT_NO_SLOT, "too much is under way", "try again");
		return;
	}
	s->own = m;
	s->closed = forget;
	s->tick = tick;
}
