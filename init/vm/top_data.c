/* top_data.c - the guest's state, from PID 1 and from /proc (top.h); proc_pid_stat(5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "format/json.h"
#include "vm/top.h"

#define SECOND UINT64_C(1000000000)

static void copy(const struct json *doc, const struct json_value *object, const char *name,
		 char *out, size_t size)
{
	const char *text = json_string(doc, object, name);

	(void)snprintf(out, size, "%s", text ? text : "");
}

static long long integer(const struct json *doc, const struct json_value *object, const char *name)
{
	int64_t n = 0;

	(void)json_integer(doc, object, name, &n);
	return n;
}

static double number(const struct json *doc, const struct json_value *object, const char *name)
{
	double n = 0;

	(void)json_number(doc, object, name, &n);
	return n;
}

static void read_phases(struct top *t, const struct json *doc, const struct json_value *list)
{
	t->phase_count = 0;
	if (!list || list->type != JSON_ARRAY)
		return;
	for (int32_t i = list->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *phase = &doc->values[i];

		/* Keep the latest ones. */
		if (t->phase_count == TOP_PHASES)
			memmove(t->phases, t->phases + 1, --t->phase_count * sizeof *t->phases);
		struct top_phase *p = &t->phases[t->phase_count++];

		copy(doc, phase, "name", p->name, sizeof p->name);
		p->ms = number(doc, phase, "qemu_ms");
	}
}

bool top_read_status(struct top *t, char *text, size_t n)
{
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};

	if (!json_parse(&doc, text, n) || values[0].type != JSON_OBJECT)
		return false;
	const struct json_value *root = &values[0];
	const struct json_value *qemu = json_get(&doc, root, "qemu");
	const struct json_value *ms = json_get(&doc, root, "ms");
	const struct json_value *console = json_get(&doc, root, "console");

	copy(&doc, root, "state", t->state, sizeof t->state);
	copy(&doc, root, "why", t->why, sizeof t->why);
	copy(&doc, root, "guest", t->guest, sizeof t->guest);
	copy(&doc, root, "disk", t->disk, sizeof t->disk);
	copy(&doc, root, "boot", t->boot, sizeof t->boot);
	copy(&doc, root, "network", t->network, sizeof t->network);
	copy(&doc, root, "accelerator", t->accelerator, sizeof t->accelerator);
	copy(&doc, qemu, "version", t->qemu, sizeof t->qemu);
	t->ready = json_bool(&doc, root, "ready", false);
	t->pid = (pid_t)integer(&doc, qemu, "pid");
	t->ram_mb = integer(&doc, root, "ram_mb");
	t->cpus = integer(&doc, root, "cpus");
	t->console_bytes = integer(&doc, console, "bytes");
	t->clients = integer(&doc, console, "clients");
	t->up_ms = number(&doc, ms, "up");
	t->ready_ms = number(&doc, ms, "ready");
	read_phases(t, &doc, json_get(&doc, root, "phases"));
	return true;
}

/* Read a file of /proc/PID into BUF, NUL-terminated. */
static bool read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	ssize_t n = read_small(path, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Processor time of all threads of PID in ns: utime and stime, fields 14 and 15. */
static bool used(pid_t pid, uint64_t *ns)
{
	char text[1024];
	unsigned long long ticks[2] = {0};

	if (!read_proc(pid, "stat", text, sizeof text))
		return false;
	/* The name in parentheses may contain any characters; field 3 follows it. */
	const char *at = strrchr(text, ')');

	for (int field = 3; at && field <= 15; field++) {
		at = strchr(at + 1, ' ');
		if (at && field >= 14)
			ticks[field - 14] = strtoull(at, NULL, 10);
	}
	long second = sysconf(_SC_CLK_TCK);

	*ns = (ticks[0] + ticks[1]) * (SECOND / (uint64_t)(second > 0 ? second : 100));
	return at;
}

static long long rss(pid_t pid)
{
	char text[128];
	char *end;

	if (!read_proc(pid, "statm", text, sizeof text))
		return -1;
	(void)strtoll(text, &end, 10);
	return strtoll(end, NULL, 10) * sysconf(_SC_PAGESIZE);
}

void top_measure(struct top *t, struct top_sample *last)
{
	struct top_sample now = {.pid = t->pid, .at_ns = clock_now()};
	struct stat st;

	t->cpu_percent = -1;
	t->rss_bytes = t->pid > 0 ? rss(t->pid) : -1;
	t->disk_bytes = t->disk[0] && stat(t->disk, &st) == 0 ? (long long)st.st_blocks * 512 : -1;
	if (t->pid <= 0 || !used(t->pid, &now.used_ns))
		return;
	if (last->pid == now.pid && now.at_ns > last->at_ns)
		t->cpu_percent = (double)(now.used_ns - last->used_ns) * 100 /
				 (double)(now.at_ns - last->at_ns);
	else if (t->up_ms > 0)
		t->cpu_percent = (double)now.used_ns / 1e4 / t->up_ms;
	*last = now;
}
