/* status.c - see status.h. */
#include "pid1/status.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/guest_profile.h"
#include "pid1/supervisor.h"
#include "plan/check_network.h"

bool status_why(const struct supervisor *v, char *why, size_t size)
{
	const struct lifecycle *l = &v->life;
	const struct settings *s = &v->env.plan->s;
	bool by_console = s->ready == READY_LOGIN || s->ready == READY_MARKER;
	const char *wrong = lifecycle_trouble(l);

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

/* Every marker that came, in its order: ms since PID 1's start and since QEMU's. */
static void phases_json(const struct supervisor *v, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < v->phases.seen && used + 1 < size; i++) {
		const struct marker *m = &v->phases.markers.list[v->phases.order[i]];
		uint64_t at = v->phases.seen_ns[v->phases.order[i]];
		int n = snprintf(buf + used, size - used,
				 "%s{\"name\":\"%.*s\",\"kind\":\"%s\",\"ms\":%.3f,"
				 "\"qemu_ms\":%.3f}",
				 i ? "," : "", (int)m->name_len, m->name, marker_kind_name(m->kind),
				 ms_since(v->started_ns, at), ms_since(v->life.spawned_ns, at));

		if ((size_t)n >= size - used)
			buf[used] = '\0';
		used += (size_t)n;
	}
}

/* Member "ports" of the status: those of ours, 0 where one is off. */
#define PORTS_JSON 224
static const char *ports_json(const struct settings *s, char buf[PORTS_JSON])
{
	(void)snprintf(buf, PORTS_JSON,
		       "\"ports\":{\"bind\":\"%s\",\"serial\":%ld,\"serial_raw\":%ld,\"serial_"
		       "rfc2217\":%ld,"
		       "\"monitor\":%ld,\"vnc\":%ld,\"gdb\":%ld}",
		       s->bind, s->serial_port, s->serial_raw_port, s->serial_rfc2217_port,
		       s->monitor_port, s->vnc ? s->vnc_port : 0, s->gdb ? s->gdb_port : 0);
	return buf;
}

void status_json(const struct supervisor *v, char *buf, size_t size)
{
	const struct plan *plan = v->env.plan;
	char why[160];
	char quoted_why[200];
	char consoles[CONSOLES_JSON];
	char reason[2 * sizeof plan->accel.reason];
	char landlock[2 * sizeof plan->landlock];
	char disk[4400];
	char kernel[4400];
	char network[NETWORK_TEXT];
	char quoted_network[2 * NETWORK_TEXT];
	char ports[PORTS_JSON];
	char refused[GUARD_TEXT];
	static char phases[MARKERS_MAX * 128];
	bool ready = status_why(v, why, sizeof why);

	phases_json(v, phases, sizeof phases);
	(void)snprintf(
		buf, size,
		"{\"state\":\"%s\",\"ready\":%s,\"why\":%s,\"guest\":\"%s\",\"disk\":%s,"
		"\"kernel\":%s,\"network\":%s,%s,%s,"
		"\"ram_mb\":%ld,\"cpus\":%ld,\"accelerator\":\"%s\",\"accelerator_reason\":%s,"
		"\"qemu\":{\"pid\":%d,\"version\":\"%s\"},"
		"\"sandbox\":{\"seccomp\":%s,\"landlock\":%d,\"landlock_text\":%s},"
		"\"phase\":\"%.*s\",\"phases\":[%s],"
		"\"ms\":{\"up\":%.1f,\"qmp\":%.1f,\"running\":%.1f,\"first_byte\":%.1f,\"ready\":%."
		"1f},"
		"\"console\":%s,"
		"\"debug_log\":{\"bytes\":%llu,\"lost\":%llu,\"files_dropped\":%u},"
		"\"log_lines_lost\":%lu}\n",
		lifecycle_phase_name(v->life.phase), ready ? "true" : "false",
		json_quote(why, quoted_why, sizeof quoted_why),
		profile_of((enum guest)plan->s.guest)->name,
		plan->disk.count ? json_quote(plan->disk.path, disk, sizeof disk) : "null",
		plan->kernel.about[0] ? json_quote(plan->kernel.about, kernel, sizeof kernel)
				      : "null",
		json_quote(network_describe(&plan->s, network), quoted_network,
			   sizeof quoted_network),
		ports_json(&plan->s, ports), guard_json(&v->guard, refused), plan->s.ram_mb,
		plan->s.cpus, plan->accel.accel == ACCEL_KVM ? "kvm" : "tcg",
		json_quote(plan->accel.reason, reason, sizeof reason), (int)v->life.qemu,
		v->qmp.version, plan->s.sandbox ? "true" : "false", plan->landlock_abi,
		json_quote(plan->landlock, landlock, sizeof landlock), PHASE_TEXT(&v->phases),
		phases, ms_since(v->life.spawned_ns, clock_now()),
		ms_since(v->life.spawned_ns, v->life.qmp_ns),
		ms_since(v->life.spawned_ns, v->life.running_ns),
		ms_since(v->life.spawned_ns, v->phases.first_byte_ns),
		ms_since(v->life.spawned_ns, v->life.ready_ns),
		consoles_json(&v->consoles, consoles, sizeof consoles),
		(unsigned long long)v->debug_log.bytes, (unsigned long long)v->debug_log.file.lost,
		v->debug_log.file.dropped, log_lost());
}

void status_text(const struct supervisor *v, char *buf, size_t size)
{
	const struct plan *plan = v->env.plan;
	struct relay_stats st;
	char why[160];
	char network[NETWORK_TEXT];
	char ports[PLAN_PORTS];
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
		       "network      %s\n"
		       "ports        %s\n"
		       "accelerator  %s\n"
		       "qemu         %s, pid %d, up %.1f s\n"
		       "sandbox      seccomp %s, Landlock %s\n"
		       "console      %llu bytes, %zu clients now, %llu ever, %llu dropped\n"
		       "%s",
		       lifecycle_phase_name(v->life.phase), ready ? "yes" : "no", why,
		       PHASE_TEXT(&v->phases), profile_of((enum guest)plan->s.guest)->name,
		       plan->s.ram_mb, plan->s.cpus, plan->s.machine,
		       plan->disk.count ? plan->disk.path : "none",
		       plan->kernel.about[0] ? "kernel       " : "", plan->kernel.about,
		       plan->kernel.about[0] ? "\n" : "", network_describe(&plan->s, network),
		       plan_ports(plan, ports), plan->accel.reason,
		       v->qmp.version[0] ? v->qmp.version : "not answering yet", (int)v->life.qemu,
		       ms_since(v->life.spawned_ns, clock_now()) / 1000,
		       plan->s.sandbox ? "on" : "off", plan->landlock, (unsigned long long)st.bytes,
		       st.clients, (unsigned long long)st.accepted, (unsigned long long)st.dropped,
		       guard_text(&v->guard, refused));
}
