/* qmp_link.c - what QEMU says over QMP, and what follows from it. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

static void on_cont(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	(void)q, (void)doc, (void)result, (void)arg;
	if (error)
		log_error("QEMU does not run the guest: %s", error);
}

static void on_vnc_password(struct qmp *q, const struct json *doc, const struct json_value *result,
			    const char *error, void *arg)
{
	(void)q, (void)doc, (void)result, (void)arg;
	if (error)
		log_error("QEMU does not take the VNC password, so nobody can log in there: %s",
			  error);
}

/* Until it has a password, a display that asks for one refuses everybody (QEMU: ui/vnc.c). */
static void send_vnc_password(struct supervisor *v)
{
	char quoted[64];
	char arguments[128];

	if (!v->plan->vnc_password[0])
		return;
	(void)snprintf(arguments, sizeof arguments, "{\"protocol\":\"vnc\",\"password\":%s}",
		       json_quote(v->plan->vnc_password, quoted, sizeof quoted));
	(void)qmp_send(&v->qmp, "set_password", arguments, on_vnc_password, v);
}

void supervisor_run_guest(struct supervisor *v)
{
	bool wait = v->plan->s.start_paused || v->plan->s.gdb_wait;

	if (v->ladder.rung != RUNG_NONE) /* not any more */
		return;
	if (!wait) {
		(void)qmp_send(&v->qmp, "cont", NULL, on_cont, v);
		attach_allow(v);
		return;
	}
	if (v->plan->s.gdb_wait)
		log_info("QEMU %s is there; the guest waits for a debugger on port %ld",
			 v->qmp.version, v->plan->s.gdb_port);
	else
		log_info("QEMU %s is there; the guest waits for cont on the monitor",
			 v->qmp.version);
	supervisor_set_state(v, VM_PAUSED);
	attach_allow(v);
}

static void qmp_became_ready(struct supervisor *v)
{
	timers_set(&v->timers, TIMER_GREETING, 0);
	send_vnc_password(v);
	v->qmp_ns = clock_now();
	event("qmp", "\"qemu\":\"%s\"", v->qmp.version);
	if (!state_resume(v))
		retry_keep_disk(v, supervisor_run_guest);
}

static void on_shutdown(struct supervisor *v, const char *reason)
{
	static const struct {
		const char *reason;
		enum shutdown_cause cause;
		const char *text;
	} rows[] = {
		{"guest-shutdown", CAUSE_GUEST_OFF, "the guest powered off"},
		{"guest-reset", CAUSE_GUEST_RESET, "the guest rebooted (VM ends at a reboot)"},
		{"guest-panic", CAUSE_GUEST_PANIC, "the guest panicked"},
		{"host-qmp-quit", CAUSE_QUIT, "QEMU was told to quit"},
		{"host-qmp-system-reset", CAUSE_OTHER,
		 "the machine was reset from the monitor, which ends it here; vm reset restarts "
		 "it"},
		{"host-signal", CAUSE_SIGNAL, "QEMU was told to end by a signal"},
	};
	const char *text = reason;

	if (v->cause != CAUSE_NONE) /* that was it; this is our `quit` */
		return;
	if (resets_caught(v, reason))
		return;
	v->cause = CAUSE_OTHER;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(reason, rows[i].reason) == 0) {
			v->cause = rows[i].cause;
			text = rows[i].text;
		}
	/* A guest that stands still does not power off: QEMU >= 10 gives gdb's kill that reason. */
	if (v->cause == CAUSE_GUEST_OFF && v->state == VM_PAUSED) {
		v->cause = CAUSE_DEBUGGER;
		text = "QEMU was told to end";
	}
	bool fatal = v->cause == CAUSE_GUEST_RESET && resets_last(v);

	proof_drop(v);
	supervisor_set_state(v, VM_DOWN);
	if (!v->life.panicked)
		log_info("%s", text);
	event("shutdown", "\"reason\":\"%s\"", text == reason ? "other" : reason);
	if (!fatal)
		resets_end(v);
}

/* A debugger that steps, a snapshot or a state that is saved pause a guest for moments; what lasts
 * longer has a line in the log, and one for its end. */
#define PAUSE_TOLD_NS UINT64_C(1000000000)

void supervisor_tell_pause(struct supervisor *v)
{
	if (v->state != VM_PAUSED || snapshots_pausing(v) || v->save.saving != SAVING_NOTHING)
		return;
	v->pause_told = true;
	if (v->io_error) /* disk_error.c says that, and what helps */
		return;
	if (v->plan->s.gdb)
		log_info("the guest is paused, by a debugger on port %ld or the monitor; vm "
			 "monitor cont lets it run on if the debugger has gone",
			 v->plan->s.gdb_port);
	else
		log_info("the guest is paused; vm monitor cont lets it run on");
}

static void end_pause(struct supervisor *v)
{
	timers_set(&v->timers, TIMER_PAUSED, 0);
	if (v->pause_told)
		log_info("the guest runs on, %.1f s after it was paused",
			 (double)(clock_now() - v->paused_ns) / 1e9);
	v->pause_told = false;
	v->paused_ns = 0;
}

static void on_resume(struct supervisor *v)
{
	end_pause(v);
	/* A stop came while `cont` was under way: the guest has had no time to do anything, and is
	 * ended as one that never ran. */
	if (!v->ran && v->ladder.rung != RUNG_NONE)
		return;
	if (!v->ran) {
		v->running_ns = clock_now();
		log_info("the guest runs, %.0f ms after the start (QEMU %s)",
			 (double)clock_since_start() / 1e6, v->qmp.version);
	}
	v->ran = true;
	trouble_on_resume(v);
	if (v->state != VM_STOPPING)
		supervisor_set_state(v, VM_RUNNING);
	life_running(v);
}

static void on_stop(struct supervisor *v)
{
	bool asked = v->state == VM_STOPPING && rung_is_gentle(v->ladder.rung) &&
		     v->save.saving == SAVING_NOTHING;

	trouble_on_stop(v);
	snapshots_on_stop(v);
	if (v->state == VM_RUNNING) {
		supervisor_set_state(v, VM_PAUSED);
		v->paused_ns = clock_now();
		timers_set(&v->timers, TIMER_PAUSED, v->paused_ns + PAUSE_TOLD_NS);
		life_paused(v);
	} else if (asked && v->plan->s.gdb && !v->io_error) {
		log_warning("the debugger has stopped the guest, which does not hear that it is to "
			    "power off");
		supervisor_climb(v, LADDER_NOW);
	}
}

void supervisor_on_qmp(struct qmp *q, const char *name, const struct json *doc,
		       const struct json_value *data, void *arg)
{
	struct supervisor *v = arg;
	const char *reason;

	(void)q;
	if (strcmp(name, "RESUME") == 0) {
		on_resume(v);
	} else if (strcmp(name, "STOP") == 0) {
		on_stop(v);
	} else if (strcmp(name, "SHUTDOWN") == 0) {
		reason = json_string(doc, data, "reason");
		on_shutdown(v, reason ? reason : "");
	} else if (strcmp(name, "BLOCK_IO_ERROR") == 0) {
		trouble_on_error(v, doc, data);
	} else if (strcmp(name, "MIGRATION") == 0) {
		state_on_migration(v, doc, data);
	} else if (strcmp(name, "POWERDOWN") == 0) {
		log_info("the power button was pressed");
	} else if (strcmp(name, "GUEST_PANICKED") == 0) {
		proof_pvpanic(v);
	} else if (strcmp(name, "RESET") == 0) {
		resets_on_event(v, json_bool(doc, data, "guest", false));
	} else if (strcmp(name, "JOB_STATUS_CHANGE") == 0) {
		snapshots_on_job(v, doc, data);
	}
}

void supervisor_qmp_io(struct supervisor *v, uint32_t events)
{
	enum qmp_state before = v->qmp.state;
	bool open = true;

	if (events & EPOLLOUT)
		open = qmp_writable(&v->qmp);
	if (open && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		open = qmp_readable(&v->qmp);
	if (before != QMP_READY && v->qmp.state == QMP_READY)
		qmp_became_ready(v);
	if (open)
		return;
	loop_remove(v->epoll, v->qmp.fd);
	fd_close(&v->qmp.fd);
	failure_qmp_lost(v);
	if (rung_is_gentle(v->ladder.rung) && v->state != VM_DOWN)
		supervisor_climb(v, LADDER_NOW);
}

/* EPOLLOUT is wanted only while something waits to be written. */
void supervisor_qmp_rearm(struct supervisor *v)
{
	bool want = v->qmp.fd >= 0 && qmp_wants_write(&v->qmp);

	if (v->qmp.fd < 0 || want == v->qmp_armed)
		return;
	v->qmp_armed = want;
	(void)loop_modify(v->epoll, v->qmp.fd, want ? EPOLLIN | EPOLLOUT : EPOLLIN,
			  (struct loop_ref){.type = REF_QMP});
}
