/* metrics.c - see metrics.h. */
#include "format/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

struct text {
	char *out;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->used >= t->size)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(t->out + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	t->used += n > 0 ? (size_t)n : 0;
}

static void family(struct text *t, const char *name, const char *type, const char *unit,
		   const char *help)
{
	add(t, "# TYPE %s %s\n", name, type);
	if (unit)
		add(t, "# UNIT %s %s\n", name, unit);
	add(t, "# HELP %s %s\n", name, help);
}

/* A label's value: backslash, quote and line end are escaped. */
static const char *label(const char *value, char buf[256])
{
	size_t n = 0;

	for (; value && *value && n < 250; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			buf[n++] = '\\';
		buf[n++] = *value == '\n' ? 'n' : *value;
	}
	buf[n] = '\0';
	return buf;
}

static void add_counter(struct text *t, const char *name, const char *help, long long value)
{
	family(t, name, "counter", NULL, help);
	add(t, "%s_total %lld\n", name, value < 0 ? 0 : value);
}

static void add_state(struct text *t, const struct json *doc)
{
	static const char *const states[] = {"starting", "running", "paused", "stopping", "down"};
	const char *state = json_string(doc, doc->values, "state");
	char buf[256];
	bool known = false;

	family(t, "hurdvm_state", "stateset", NULL, "state of the guest");
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		bool is = state && strcmp(states[i], state) == 0;

		known = known || is;
		add(t, "hurdvm_state{hurdvm_state=\"%s\"} %d\n", states[i], is);
	}
	if (!known && state)
		add(t, "hurdvm_state{hurdvm_state=\"%s\"} 1\n", label(state, buf));
	family(t, "hurdvm_ready", "gauge", NULL, "1 if the guest is ready and well");
	add(t, "hurdvm_ready %d\n", json_bool(doc, doc->values, "ready", false));
}

static void add_seconds(struct text *t, const struct json *doc, const struct json_value *ms,
			const char *name, const char *what)
{
	double value;

	if (json_number(doc, ms, name, &value) && value >= 0)
		add(t, "hurdvm_boot_seconds{point=\"%s\"} %.4f\n", what, value / 1000);
}

static void add_boot(struct text *t, const struct json *doc)
{
	const struct json_value *ms = json_get(doc, doc->values, "ms");
	const struct json_value *phases = json_get(doc, doc->values, "phases");
	double up;

	family(t, "hurdvm_boot_seconds", "gauge", "seconds",
	       "time from QEMU's start to a point of the boot");
	add_seconds(t, doc, ms, "qmp", "qmp");
	add_seconds(t, doc, ms, "running", "running");
	add_seconds(t, doc, ms, "first_byte", "first_byte");
	add_seconds(t, doc, ms, "ready", "ready");
	family(t, "hurdvm_phase_seconds", "gauge", "seconds",
	       "time from QEMU's start to a marker of the console");
	for (int32_t i = phases ? phases->first : -1; i >= 0; i = doc->values[i].next) {
		const char *name = json_string(doc, &doc->values[i], "name");
		char buf[256];
		double at;

		if (name && json_number(doc, &doc->values[i], "qemu_ms", &at))
			add(t, "hurdvm_phase_seconds{phase=\"%s\"} %.4f\n", label(name, buf),
			    at / 1000);
	}
	family(t, "hurdvm_up_seconds", "gauge", "seconds", "time since QEMU's start");
	if (json_number(doc, ms, "up", &up))
		add(t, "hurdvm_up_seconds %.3f\n", up / 1000);
}

/* Fields of /proc/PID/stat, the first line, behind the name in parentheses (proc(5)): 14 utime, 15
 * stime, 24 rss. */
static void add_usage(struct text *t, const char *usage, long ticks, long page)
{
	const char *at = strrchr(usage, ')');
	unsigned long long value[25] = {0};

	if (!at || ticks <= 0)
		return;
	at += 2;
	for (int field = 3; field <= 24 && *at; field++) {
		value[field] = strtoull(at, NULL, 10);
		at += strcspn(at, " ");
		at += *at == ' ';
	}
	family(t, "hurdvm_qemu_cpu_seconds", "counter", "seconds", "processor time of QEMU");
	add(t, "hurdvm_qemu_cpu_seconds_total %.2f\n",
	    (double)(value[14] + value[15]) / (double)ticks);
	family(t, "hurdvm_qemu_resident_bytes", "gauge", "bytes", "resident memory of QEMU");
	add(t, "hurdvm_qemu_resident_bytes %llu\n", value[24] * (unsigned long long)page);
}

/* The lines behind /proc's. */
static void add_starts(struct text *t, const char *usage)
{
	static const char *const kinds[][3] = {
		{"\nstarts ", "hurdvm_starts", "starts of QEMU since the container's"},
		{"\nweb_starts ", "hurdvm_web_starts", "starts of vm-web since the container's"},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *at = strstr(usage, kinds[i][0]);

		if (at)
			add_counter(t, kinds[i][1], kinds[i][2],
				    strtoll(at + strlen(kinds[i][0]), NULL, 10));
	}
}

/* A disk a line: `ide0-hd0: rd_bytes=1 wr_bytes=2 …`. */
static void add_blocks(struct text *t, const char *blocks)
{
	static const char *const kinds[][3] = {
		{" rd_bytes=", "hurdvm_disk_read_bytes", "bytes that the guest has read"},
		{" wr_bytes=", "hurdvm_disk_written_bytes", "bytes that the guest has written"},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		unsigned long long sum = 0;
		const char *at = strstr(blocks, kinds[i][0]);

		if (!at)
			continue;
		for (; at; at = strstr(at + 1, kinds[i][0]))
			sum += strtoull(at + strlen(kinds[i][0]), NULL, 10);
		family(t, kinds[i][1], "counter", "bytes", kinds[i][2]);
		add(t, "%s_total %llu\n", kinds[i][1], sum);
	}
}

static void add_console(struct text *t, const struct json *doc)
{
	static const char *const kinds[][3] = {
		{"bytes", "hurdvm_console_bytes", "bytes that the guest has printed"},
		{"accepted", "hurdvm_console_accepted",
		 "clients of the console that were accepted"},
		{"dropped", "hurdvm_console_dropped", "clients that were too slow"},
		{"refused", "hurdvm_console_refused", "clients for which there was no place"},
	};
	const struct json_value *console = json_get(doc, doc->values, "console");
	const struct json_value *refused = json_get(doc, doc->values, "refused");
	int64_t value;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (json_integer(doc, console, kinds[i][0], &value))
			add_counter(t, kinds[i][1], kinds[i][2], value);
	family(t, "hurdvm_console_clients", "gauge", NULL, "clients of the console now");
	if (json_integer(doc, console, "clients", &value))
		add(t, "hurdvm_console_clients %lld\n", (long long)value);
	if (json_integer(doc, refused, "guest", &value))
		add_counter(t, "hurdvm_refused_guest", "connections of the guest's own", value);
}

static void add_web(struct text *t, const struct web_counts *c)
{
	add_counter(t, "hurdvm_web_requests", "requests of vm-web", (long long)c->requests);
	add_counter(t, "hurdvm_web_refused", "connections for which there was no place",
		    (long long)c->refused);
	add_counter(t, "hurdvm_web_limited", "requests of addresses that asked too often",
		    (long long)c->limited);
	add_counter(t, "hurdvm_web_wrong_tokens", "requests with a wrong token",
		    (long long)c->failed);
	add_counter(t, "hurdvm_web_slow", "clients that were too slow", (long long)c->slow);
	family(t, "hurdvm_web_connections", "gauge", NULL, "connections now");
	add(t, "hurdvm_web_connections %llu\n", c->connections);
	family(t, "hurdvm_web_console_clients", "gauge", NULL, "browsers at the console");
	add(t, "hurdvm_web_console_clients %llu\n", c->console_clients);
	add_counter(t, "hurdvm_web_console_bytes", "bytes of the console sent to browsers",
		    (long long)c->console_bytes);
}

static void add_info(struct text *t, const struct json *doc)
{
	const char *guest = json_string(doc, doc->values, "guest");
	const char *accel = json_string(doc, doc->values, "accelerator");
	const char *version = json_string(doc, json_get(doc, doc->values, "qemu"), "version");
	char buf[3][256];
	int64_t value;

	family(t, "hurdvm", "info", NULL, "what runs");
	add(t, "hurdvm_info{guest=\"%s\",accelerator=\"%s\",qemu=\"%s\"} 1\n", label(guest, buf[0]),
	    label(accel, buf[1]), label(version, buf[2]));
	family(t, "hurdvm_memory_bytes", "gauge", "bytes", "memory of the guest");
	if (json_integer(doc, doc->values, "ram_mb", &value))
		add(t, "hurdvm_memory_bytes %lld\n", (long long)value << 20);
	family(t, "hurdvm_cpus", "gauge", NULL, "processors of the guest");
	if (json_integer(doc, doc->values, "cpus", &value))
		add(t, "hurdvm_cpus %lld\n", (long long)value);
}

bool metrics_write(char *status, size_t n, const char *usage, long ticks, long page,
		   const char *blocks, const struct web_counts *counts, char *out, size_t size)
{
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};
	struct text t = {.out = out, .size = size};

	if (!json_parse(&doc, status, n) || doc.values[0].type != JSON_OBJECT)
		return false;
	add_info(&t, &doc);
	add_state(&t, &doc);
	add_boot(&t, &doc);
	add_usage(&t, usage, ticks, page);
	add_starts(&t, usage);
	add_blocks(&t, blocks);
	add_console(&t, &doc);
	add_web(&t, counts);
	add(&t, "# EOF\n");
	return t.used < size;
}
