/* sample.c - see sample.h. */
#include "profile/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lines.h"
#include "base/log.h"
#include "profile/guest_line.h"
#include "profile/host_facts.h"
#include "profile/pin.h"
#include "profile/sample_probe.h"
#include "qemu/launch.h"

#define SECOND UINT64_C(1000000000)
/* The console log is buffered: a boot that fits causes no write(2) before its end. */
#define CONSOLE_BUFFER (256 << 10)

struct boot {
	size_t cell;
	const struct goal *goal;
	struct plan plan;
	struct phases phases;
	struct qmp qmp;
	struct channels w;
	struct port_probe probe;
	pid_t pid;
	double busy_ms;	  /* host_busy_ms() before it */
	int instructions; /* descriptor of perf_event_open(2); -1: none */
	uint64_t spawned_ns, now_ns, deadline_ns;
	uint64_t over_ns; /* end of the sample; 0: not yet */
	bool done;	  /* nothing is waited for any more */
	struct sample result;
	struct sample_phase phase[REPORT_PHASES];
	struct tail tail; /* QEMU's last messages */
	int console;
	int console_errno; /* why it could not be written; 0: it could */
	size_t console_len;
	uint8_t console_buffer[CONSOLE_BUFFER];
};

void plan_release(struct plan *plan)
{
	disk_close(&plan->disk);
	for (int i = 0; i < DISKS_MORE; i++)
		disk_close(&plan->more[i]);
	kernel_close(&plan->kernel);
	fd_close(&plan->cdrom_fd);
	fd_close(&plan->cdrom2_fd);
	fd_close(&plan->kvm_fd);
	fd_close(&plan->trace_fd);
}

/* Round to microseconds, as in the report, so that reading it back gives the same number. */
static double since_spawn_ms(const struct boot *b, uint64_t ns)
{
	uint64_t us = (ns - b->spawned_ns + 500) / 1000;

	return (double)us / 1e3;
}

static bool same_name(const char *name, const struct marker *m)
{
	return strlen(name) == m->name_len && memcmp(name, m->name, m->name_len) == 0;
}

/* The phase NAME (LEN bytes) begins now, unless it has begun before. */
static void begin_phase(struct boot *b, const char *name, size_t len)
{
	for (size_t i = 0; i < b->result.phases; i++)
		if (strlen(b->phase[i].name) == len && memcmp(b->phase[i].name, name, len) == 0)
			return;
	if (b->result.phases == REPORT_PHASES)
		return;
	struct sample_phase *p = &b->phase[b->result.phases++];

	(void)snprintf(p->name, sizeof p->name, "%.*s", (int)len, name);
	p->at_ms = since_spawn_ms(b, b->now_ns);
}

static void on_statistics(struct qmp *q, const struct json *doc, const struct json_value *result,
			  const char *error, void *arg)
{
	struct boot *b = arg;

	(void)q;
	(void)error;
	b->done = true;
	if (!result || result->type != JSON_ARRAY)
		return;
	/* [{"provider": "kvm", "stats": [{"name": "exits", "value": N}]}, ...], one per processor
	 * (QEMU: qapi/stats.json). */
	for (int32_t i = result->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *stats = json_get(doc, &doc->values[i], "stats");
		double exits;

		if (stats && stats->type == JSON_ARRAY && stats->first >= 0 &&
		    json_number(doc, &doc->values[stats->first], "value", &exits))
			b->result.exits = exits + (isnan(b->result.exits) ? 0 : b->result.exits);
	}
}

/* The sample has ended, for the reason WHY unless successful. QEMU's counters are queried now, if
 * it has any. */
static void end(struct boot *b, enum sample_status status, const char *why)
{
	uint64_t n;

	if (b->over_ns)
		return;
	b->over_ns = b->now_ns;
	b->result.status = status;
	b->result.total_ms = since_spawn_ms(b, b->now_ns);
	(void)snprintf(b->result.why, sizeof b->result.why, "%s", why);
	if (b->instructions >= 0 && read(b->instructions, &n, sizeof n) == (ssize_t)sizeof n)
		b->result.instructions = (double)n;
	b->result.waited_ms = round(host_waited_ms(b->pid) * 1e3) / 1e3;
	b->done = b->plan.accel.accel != ACCEL_KVM || b->qmp.state != QMP_READY ||
		  !qmp_send(&b->qmp, "query-stats",
			    "{\"target\":\"vcpu\",\"providers\":[{\"provider\":\"kvm\","
			    "\"names\":[\"exits\"]}]}",
			    on_statistics, b);
}

/* Each name once, as far as there is room. */
static void add_hint(struct boot *b, const struct marker *m)
{
	char *hints = b->result.hints;
	size_t len = strlen(hints);

	for (const char *at = hints; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == m->name_len && memcmp(at, m->name, m->name_len) == 0)
			return;
	if (len + 1 + m->name_len < sizeof b->result.hints)
		(void)snprintf(hints + len, sizeof b->result.hints - len, "%s%.*s", len ? "," : "",
			       (int)m->name_len, m->name);
}

static void on_marker(const struct marker *m, uint64_t now, void *arg)
{
	struct boot *b = arg;
	const struct goal *g = b->goal;
	char why[128];

	(void)now;
	(void)snprintf(why, sizeof why, "%s marker %.*s", marker_kind_name(m->kind),
		       (int)m->name_len, m->name);
	/* Of the guest's final events the worst counts, as in vm run (pid1/panic_check.c). */
	if (b->over_ns && m->kind == MARKER_PANIC && b->result.status == SAMPLE_ENDED) {
		b->result.status = SAMPLE_PANIC;
		(void)snprintf(b->result.why, sizeof b->result.why, "%s", why);
	}
	if (m->kind == MARKER_HINT)
		add_hint(b, m);
	if (b->over_ns)
		return;
	switch (m->kind) {
	case MARKER_PROGRESS:
	case MARKER_READY:
		begin_phase(b, m->name, m->name_len);
		if ((g->until == UNTIL_MARKER && same_name(g->marker, m)) ||
		    (g->until == UNTIL_ANY_READY && m->kind == MARKER_READY))
			end(b, SAMPLE_OK, "");
		return;
	case MARKER_PANIC: end(b, SAMPLE_PANIC, why); return;
	case MARKER_FAILURE: end(b, SAMPLE_FAILED, why); return;
	case MARKER_DOWN: end(b, SAMPLE_ENDED, why); return;
	case MARKER_HINT: return;
	}
}

static void on_event(struct qmp *q, const char *name, const struct json *doc,
		     const struct json_value *data, void *arg)
{
	struct boot *b = arg;
	const char *reason = json_string(doc, data, "reason");
	char why[128];

	(void)q;
	if (strcmp(name, "RESUME") == 0) {
		begin_phase(b, "firmware", 8);
		if (b->goal->until == UNTIL_RUNNING)
			end(b, SAMPLE_OK, "");
	} else if (strcmp(name, "GUEST_PANICKED") == 0) {
		end(b, SAMPLE_PANIC, "the guest's kernel panicked (pvpanic)");
	} else if (strcmp(name, "SHUTDOWN") == 0) {
		(void)snprintf(why, sizeof why, "SHUTDOWN, %.80s", reason ? reason : "?");
		end(b, SAMPLE_ENDED, why);
	}
}

static void flush_console(struct boot *b)
{
	if (b->console >= 0 && !write_all(b->console, b->console_buffer, b->console_len)) {
		b->console_errno = errno;
		fd_close(&b->console);
	}
	b->console_len = 0;
}

static void read_serial(struct boot *b)
{
	for (;;) {
		if (b->console_len == CONSOLE_BUFFER)
			flush_console(b);
		uint8_t *at = b->console_buffer + b->console_len;
		ssize_t n = read(b->w.serial_out.ours, at, CONSOLE_BUFFER - b->console_len);

		if (n <= 0)
			return;
		b->console_len += (size_t)n;
		if (b->over_ns)
			continue;
		if (b->result.bytes == 0)
			begin_phase(b, "first-byte", 10);
		b->result.bytes += (double)n;
		phases_feed(&b->phases, at, (size_t)n, b->now_ns, on_marker, b);
	}
}

static void read_output(struct boot *b)
{
	char buf[512];
	ssize_t n;

	while ((n = read(b->w.output.ours, buf, sizeof buf)) > 0)
		tail_feed(&b->tail, buf, (size_t)n);
}

/* QMP has ended, so QEMU has, too. */
static void on_end_of_qemu(struct boot *b)
{
	char why[sizeof b->result.why];
	size_t len;

	read_output(b);
	const char *words = tail_line(&b->tail, &len);

	read_serial(b);
	(void)snprintf(why, sizeof why, "QEMU ended: %.*s", len && len < 180 ? (int)len : 180,
		       len ? words : b->qmp.why_closed);
	end(b, SAMPLE_ERROR, why);
	b->done = true;
}

/* Count instructions of the threads of PID, including later threads; without the kernel's if those
 * are not permitted. -1: counting is not possible (perf_event_open(2)). */
static int count_instructions(pid_t pid)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
				       .size = sizeof attr,
				       .config = PERF_COUNT_HW_INSTRUCTIONS,
				       .inherit = 1,
				       .exclude_hv = 1};
	long fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0) {
		attr.exclude_kernel = 1;
		fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	}
	return (int)fd;
}

static void describe(struct boot *b, const char *log)
{
	char self[32];
	char when[CLOCK_UTC];
	ssize_t n = 0;

	clock_utc(when);
	(void)snprintf(b->result.started, sizeof b->result.started, "%.*s", CLOCK_UTC, when);
	(void)snprintf(b->result.log, sizeof b->result.log, "%s", log);
	if (b->plan.disk.count == 0)
		return;
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", b->plan.disk.layers[0].fd);
	n = readlink(self, b->result.overlay, sizeof b->result.overlay - 1);
	b->result.overlay[n > 0 ? n : 0] = '\0';
}

static int open_console(const char *dir, const char *log)
{
	char path[4200];

	(void)snprintf(path, sizeof path, "%s/%s", dir, log);
	/* Do not write to an existing file: it may be a link. */
	(void)unlink(path);
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

static const struct channels no_channels = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1},
					    {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};

/* Pin each virtual processor's thread to a processor, and QEMU's other threads to the rest, if any.
 * With too few processors, or without permission (CAP_SYS_NICE for another user's threads), nothing
 * is pinned. */
static void on_processors(struct qmp *q, const struct json *doc, const struct json_value *result,
			  const char *error, void *arg)
{
	struct boot *b = arg;
	pid_t threads[PIN_MAX];
	size_t n = 0;

	(void)error;
	for (int32_t i = result && result->type == JSON_ARRAY ? result->first : -1;
	     i >= 0 && n < PIN_MAX; i = doc->values[i].next) {
		int64_t id;

		if (json_integer(doc, &doc->values[i], "thread-id", &id) && id > 0)
			threads[n++] = (pid_t)id;
	}
	b->result.pinned = (double)pin_threads(b->pid, threads, n);
	(void)qmp_send(q, "cont", NULL, NULL, NULL);
}

static bool launch(struct boot *b, struct error *err)
{
	bool ok = channels_make(&b->w, false, err);

	b->busy_ms = host_busy_ms();
	b->spawned_ns = b->now_ns = clock_now();
	b->deadline_ns = b->spawned_ns + b->goal->timeout_ns;
	b->pid = ok ? qemu_start(&b->plan, &b->w, err) : -1;
	channels_close(&b->w, false);
	if (b->pid < 0)
		return false;
	b->instructions = count_instructions(b->pid);
	begin_phase(b, "qemu", 4);
	qmp_init(&b->qmp, b->w.qmp.ours, on_event, b);
	return (b->goal->pin ? qmp_send(&b->qmp, "query-cpus-fast", NULL, on_processors, b)
			     : qmp_send(&b->qmp, "cont", NULL, NULL, NULL)) ||
	       error_set(err, EXIT_INTERNAL, "qemu.log says more", "QMP takes no command");
}

struct boot *boot_start(size_t cell, struct environment *env, const struct goal *goal,
			const char *dir, const char *log, uint16_t port, struct error *err)
{
	struct boot *b = calloc(1, sizeof *b);

	if (!b) {
		(void)error_set(err, EXIT_INTERNAL, "give the container more memory",
				"no memory for a sample");
		return NULL;
	}
	b->cell = cell;
	b->goal = goal;
	b->w = no_channels;
	b->instructions = b->console = b->pid = -1;
	b->result.exits = b->result.instructions = NAN;
	b->result.waited_ms = b->result.others = b->result.pinned = NAN;
	b->result.load = host_load();
	b->plan.facts.unattended = true;
	probe_init(&b->probe, port,
		   goal->until == UNTIL_SSH    ? PORT_SSH
		   : goal->until == UNTIL_HTTP ? PORT_HTTP
					       : PORT_NONE);
	bool ok = plan_make(&b->plan, env->vars);

	if (!ok)
		*err = b->plan.errors.list[0];
	ok = ok && phases_init(&b->phases, goal->markers, goal->patterns, err);
	describe(b, log);
	b->console = open_console(dir, log);
	if (b->console < 0)
		b->console_errno = errno;
	if (ok && launch(b, err))
		return b;
	(void)boot_finish(b, NULL, NULL, NULL);
	return NULL;
}

size_t boot_poll(const struct boot *b, struct pollfd fds[BOOT_FDS], uint64_t *until_ns)
{
	uint64_t until = b->over_ns ? b->over_ns + SECOND : b->deadline_ns;
	bool writing = qmp_wants_write(&b->qmp);

	fds[0] = (struct pollfd){.fd = b->w.serial_out.ours, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = b->w.qmp.ours,
				 .events = (short)(writing ? POLLIN | POLLOUT : POLLIN)};
	fds[2] = (struct pollfd){.fd = b->w.output.ours, .events = POLLIN};
	fds[3] = probe_poll(&b->probe, &until);
	if (until < *until_ns)
		*until_ns = until;
	return BOOT_FDS;
}

bool boot_events(struct boot *b, const struct pollfd *fds, size_t n, uint64_t now)
{
	bool open = true;

	(void)n;
	b->now_ns = now;
	if (fds[0].revents)
		read_serial(b);
	if (fds[0].revents & POLLHUP)
		fd_close(&b->w.serial_out.ours);
	if (fds[2].revents)
		read_output(b);
	if (fds[2].revents & POLLHUP)
		fd_close(&b->w.output.ours);
	if (fds[1].revents & POLLOUT)
		open = qmp_writable(&b->qmp);
	if (open && fds[1].revents & (POLLIN | POLLHUP | POLLERR))
		open = qmp_readable(&b->qmp);
	if (!open)
		on_end_of_qemu(b);
	if (!b->over_ns && probe_events(&b->probe, &fds[3], now))
		end(b, SAMPLE_OK, "");
	if (!b->over_ns && now >= b->deadline_ns)
		end(b, SAMPLE_TIMEOUT, "the time was over");
	if (b->over_ns && now >= b->over_ns + SECOND)
		b->done = true;
	return b->over_ns && b->done;
}

/* Kill QEMU and its descendants, and collect its resource usage. */
static void reap(struct boot *b)
{
	struct rusage use;
	int status;

	if (b->pid < 0)
		return;
	(void)kill(-b->pid, SIGKILL);
	while (wait4(b->pid, &status, 0, &use) < 0 && errno == EINTR)
		continue;
	b->result.cpu_ms = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
			   (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
	b->result.peak_kib = (double)use.ru_maxrss;
	double wall = since_spawn_ms(b, b->over_ns ? b->over_ns : b->now_ns);

	/* /proc/stat has a coarse resolution: a negative result counts as zero */
	b->result.others = wall > 0 ? (host_busy_ms() - b->busy_ms - b->result.cpu_ms) / wall : NAN;
	b->result.others = b->result.others < 0 ? 0 : round(b->result.others * 1e3) / 1e3;
}

bool boot_finish(struct boot *b, struct report *r, const struct slot *slot, struct error *err)
{
	bool ok = true;

	reap(b);
	if (r && r->guest_line[0] == '\0')
		find_guest_line((const char *)b->console_buffer, b->console_len, r->guest_line,
				sizeof r->guest_line);
	flush_console(b);
	if (b->console_errno && r) {
		ok = error_set(err, EXIT_NO_PERMISSION,
			       "make room there, and go on with --resume DIR",
			       "the console of a sample, %s, cannot be written: %s", b->result.log,
			       strerror(b->console_errno));
		r = NULL;
	}
	probe_close(&b->probe);
	if (r) {
		struct sample *s = report_add(r, b->result.phases);
		struct sample_phase *phase = s ? s->phase : NULL;

		ok = s || error_set(err, EXIT_INTERNAL, "give the container more memory",
				    "no memory for another sample");
		if (s) {
			memcpy(phase, b->phase, b->result.phases * sizeof *phase);
			*s = b->result;
			s->cell = b->cell;
			s->round = slot->round;
			s->warm_up = slot->warm_up;
			s->part = r->parts - 1;
			s->phase = phase;
		}
	}
	matcher_free(b->phases.matcher);
	channels_close(&b->w, true);
	plan_release(&b->plan);
	fd_close(&b->console);
	fd_close(&b->instructions);
	free(b);
	return ok;
}
