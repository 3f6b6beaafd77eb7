/* status.c - see status.h. */
#include "pid1/status.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/supervisor.h"

bool status_why(const struct supervisor *v, char *why, size_t size)
{
	const struct lifecycle *l = &v->life;
	const struct settings *s = &v->env.plan->s;
	bool by_console = s->ready == READY_LOGIN || s->ready == READY_MARKER;
	const char *wrong = lifecycle_problem(l);

	if (wrong)
		(void)snprintf(why, size, "%s", wrong);
	else if (l->phase == LIFE_PAUSED && s->gdb)
		(void)snprintf(why, size,
			       l->ran ? "paused, by a debugger on port %ld or the monitor"
				      : "waits for a debugger on port %ld",
			       s->gdb_port);
	else if (l->phase != LIFE_RUNNING)
		(void)snprintf(why, size, "%s", lifecycle_text(l));
	else if (l->ready)
		(void)snprintf(why, size, "ready: %s after %.2f s", readiness_text(&v->env),
			       (double)(l->ready_ns - l->spawned_ns) / 1e9);
	else if (!v->phases.first_byte_ns && by_console)
		(void)snprintf(why, size, "running, nothing came on the serial console yet");
	else
		(void)snprintf(why, size, "running, %s%s%s; phase %.*s",
			       by_console ? "no " : "not yet that ", readiness_text(&v->env),
			       by_console ? " yet" : "", PHASE_TEXT(&v->phases));
	return lifecycle_well(l);
}

static double ms_since(uint64_t from, uint64_t to)
{
	return from && to > from ? (double)(to - from) / 1e6 : 0;
}

/* Every marker that came, in order, in ms since PID 1's start and since QEMU's. */
static void phases_json(const struct supervisor *v, char *buf, size_t size)
{
	size_t used = 0;

	buf[used++] = '[';
	for (size_t i = 0; i < v->phases.seen; i++) {
		const struct marker *m = &v->phases.markers->list[v->phases.order[i]];
		uint64_t at = v->phases.seen_ns[v->phases.order[i]];

		used -= used > 1 && buf[used - 1] == ','; /* of an entry that did not fit */
		if (i > 0)
			buf[used++] = ',';
		used += json_write(
			buf + used, size - used - 2,
			JSON_LIST(J_TEXT_N("name", (int)m->name_len, m->name),
				  J_TEXT("kind", marker_kind_name(m->kind)),
				  J_NUMBER("ms", 3, ms_since(v->started_ns, at)),
				  J_NUMBER("qemu_ms", 3, ms_since(v->life.spawned_ns, at))));
	}
	used -= used > 1 && buf[used - 1] == ',';
	buf[used++] = ']';
	buf[used] = '\0';
}

static const char *known(const char *text)
{
	return text[0] ? text : NULL;
}

size_t status_json(const struct supervisor *v, char *buf, size_t size)
{
	const struct plan *plan = v->env.plan;
	const struct settings *s = &plan->s;
	const struct lifecycle *l = &v->life;
	uint64_t since = l->spawned_ns;
	char why[160];
	struct relay_stats serial;
	struct relay_stats monitor;
	static char phases[MARKERS_MAX * 160];
	bool ready = status_why(v, why, sizeof why);

	phases_json(v, phases, sizeof phases);
	relay_stats(v->env.relays[RELAY_SERIAL], &serial);
	relay_stats(v->env.relays[RELAY_MONITOR], &monitor);
	size_t n = json_write(
		buf, size - 1,
		JSON_LIST(
			J_TEXT("state", lifecycle_phase_name(l->phase)), J_BOOL("ready", ready),
			J_TEXT("why", why), J_TEXT("guest", plan->guest_name),
			J_TEXT("disk", plan->disk.count ? plan->disk.path : NULL),
			J_TEXT("fsck", known(plan->fsck.result)),
			J_TEXT("kernel", known(plan->kernel.about)),
			J_TEXT("boot", known(plan->boot.text)),
			J_TEXT("network", plan->network_text),
			J_OBJECT("ports", J_TEXT("bind", s->bind), J_INT("serial", s->serial_port),
				 J_INT("serial_raw", s->serial_raw_port),
				 J_INT("serial_rfc2217", s->serial_rfc2217_port),
				 J_INT("monitor", s->monitor_port),
				 J_INT("vnc", s->vnc ? s->vnc_port : 0),
				 J_INT("gdb", s->gdb ? s->gdb_port : 0)),
			J_OBJECT("refused", J_INT("guest", v->guard.refused[REFUSED_GUEST]),
				 J_INT("address", v->guard.refused[REFUSED_ADDRESS])),
			J_INT("ram_mb", s->ram_mb), J_INT("cpus", s->cpus),
			J_TEXT("accelerator", plan->accel.accel == ACCEL_KVM ? "kvm" : "tcg"),
			J_TEXT("accelerator_reason", plan->accel.reason),
			J_OBJECT("qemu", J_INT("pid", l->qemu), J_TEXT("version", v->qmp.version)),
			J_OBJECT("sandbox", J_BOOL("seccomp", s->sandbox),
				 J_INT("landlock", plan->landlock_abi),
				 J_TEXT("landlock_text", plan->landlock)),
			J_TEXT_N("phase", PHASE_TEXT(&v->phases)), J_RAW("phases", phases),
			J_OBJECT(
				"ms", J_NUMBER("up", 1, ms_since(since, clock_now())),
				J_NUMBER("qmp", 1, ms_since(since, l->qmp_ns)),
				J_NUMBER("running", 1, ms_since(since, l->running_ns)),
				J_NUMBER("first_byte", 1, ms_since(since, v->phases.first_byte_ns)),
				J_NUMBER("ready", 1, ms_since(since, l->ready_ns))),
			J_OBJECT("console", J_INT("bytes", serial.bytes),
				 J_INT("clients", serial.clients),
				 J_INT("half_closed", serial.half_closed),
				 J_INT("accepted", serial.accepted),
				 J_INT("dropped", serial.dropped), J_INT("evicted", serial.evicted),
				 J_INT("refused", serial.refused),
				 J_INT("wrong_passwords", serial.wrong),
				 J_INT("log_lost",
				       v->consoles.log.whole.lost + v->consoles.log.timed.lost),
				 J_INT("stdout_lost", v->consoles.log.out_lost)),
			J_OBJECT("monitor", J_INT("clients", monitor.clients),
				 J_INT("accepted", monitor.accepted),
				 J_INT("dropped", monitor.dropped),
				 J_INT("refused", monitor.refused),
				 J_INT("wrong_passwords", monitor.wrong)),
			J_OBJECT("debug_log", J_INT("bytes", v->debug_log.bytes),
				 J_INT("lost", v->debug_log.file.lost),
				 J_INT("files_dropped", v->debug_log.file.dropped)),
			J_INT("log_lines_lost", log_lost())));

	buf[n++] = '\n';
	buf[n] = '\0';
	return n;
}

void status_text(const struct supervisor *v, char *buf, size_t size)
{
	const struct plan *plan = v->env.plan;
	struct relay_stats st;
	char why[160];
	char refused[GUARD_TEXT];
	bool ready = status_why(v, why, sizeof why);

	relay_stats(v->env.relays[RELAY_SERIAL], &st);
	(void)snprintf(buf, size,
		       "state        %s\n"
		       "ready        %s (%s)\n"
		       "phase        %.*s\n"
		       "guest        %s, %ld MiB, %ld CPU, %s\n"
		       "disk         %s\n"
		       "%s%s%s"
		       "%s%s%s"
		       "network      %s\n"
		       "ports        %s\n"
		       "accelerator  %s\n"
		       "qemu         %s, pid %d, up %.1f s\n"
		       "sandbox      seccomp %s, Landlock %s\n"
		       "console      %llu bytes, %zu clients now, %llu ever, %llu dropped\n"
		       "%s",
		       lifecycle_phase_name(v->life.phase), ready ? "yes" : "no", why,
		       PHASE_TEXT(&v->phases), plan->guest_name, plan->s.ram_mb, plan->s.cpus,
		       plan->s.machine, plan->disk.count ? plan->disk.path : "none",
		       plan->boot.text[0] ? "boot         " : "", plan->boot.text,
		       plan->boot.text[0] ? "\n" : "", plan->kernel.about[0] ? "kernel       " : "",
		       plan->kernel.about, plan->kernel.about[0] ? "\n" : "", plan->network_text,
		       plan->ports_text, plan->accel.reason,
		       v->qmp.version[0] ? v->qmp.version : "not answering yet", (int)v->life.qemu,
		       ms_since(v->life.spawned_ns, clock_now()) / 1000,
		       plan->s.sandbox ? "on" : "off", plan->landlock, (unsigned long long)st.bytes,
		       st.clients, (unsigned long long)st.accepted, (unsigned long long)st.dropped,
		       guard_text(&v->guard, refused));
}
