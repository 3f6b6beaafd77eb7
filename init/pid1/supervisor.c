/* supervisor.c - see supervisor.h: the loop, signals, and the end. */
#include "pid1/supervisor.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "console/log_dir.h"
#include "host/guest_ram.h"
#include "host/listen.h"
#include "host/signals.h"
#include "pid1/reactions.h"
#include "pid1/requests.h"
#include "pid1/start_failure.h"
#include "pid1/status.h"
#include "pid1/waiters.h"
#include "qemu/accel.h"
#include "qemu/confine.h"

/* ---- signals --------------------------------------------------------------------------- */

static void reap(struct supervisor *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != v->life.qemu) {
			if (!consoles_reaped(&v->consoles, pid))
				(void)helper_reaped(&v->helpers, pid, status);
			continue;
		}
		v->life.qemu_ended = true;
		v->life.qemu_status = status;
	}
}

static void say_status(const struct supervisor *v)
{
	struct relay_stats st;
	char why[160];

	relay_stats(v->env.relays[RELAY_SERIAL], &st);
	(void)status_why(v, why, sizeof why);
	log_info("status: %s; %s; console %llu bytes, %zu clients",
		 lifecycle_phase_name(v->life.phase), why, (unsigned long long)st.bytes,
		 st.clients);
}

static void reopen_logs(struct supervisor *v)
{
	files_open_logs(&v->env.plan->s);
	debug_log_reopen(&v->debug_log);
	consoles_reopen_logs(&v->consoles);
	log_info("logs reopened");
}

static void on_signals(struct supervisor *v)
{
	struct signalfd_siginfo info;

	while (read(v->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			v->life.signalled = true;
			stop_ask(&v->stop, LADDER_STOP);
			break;
		case SIGCHLD: reap(v); break;
		case SIGHUP: reopen_logs(v); break;
		case SIGUSR1: say_status(v); break;
		case SIGUSR2:
			log_info("reset requested by a signal");
			(void)reset_press(&v->reset, THEN_AS_BEFORE);
			break;
		default: break; /* PID 1 must not end by any other signal */
		}
	}
}

/* ---- QEMU has ended ---------------------------------------------------------------------- */

/* Read what QEMU sent before it ended. */
static void drain(struct supervisor *v)
{
	const struct settings *s = &v->env.plan->s;
	bool announced = v->panic.down;

	panic_check_drop(&v->panic);
	probes_reset(&v->probes);
	snapshot_ended(&v->snapshot);
	restore_ended(&v->restore);
	/* The memory counts against the container's limit until we close it. */
	if (v->env.plan->ram.where == RAM_SHARED && v->save.saving == SAVING_NOTHING)
		(void)guest_ram_clear(v->env.plan->ram.fd);
	network_end(&v->network);
	helper_kill(&v->helpers, HELPER_STOP);
	helper_kill(&v->helpers, HELPER_CLOCK);
	qmp_link_drain(&v->link);
	lifecycle_exited(&v->life, announced, s->arch <= ARCH_I386, s->gdb);
	qemu_process_drain(&v->process);
	debug_log_detach(&v->debug_log);
	for (int i = 0; i < RELAY_COUNT; i++)
		relay_flush(v->env.relays[i]);
}

/* QEMU refused a saved state: start another one cold. *STATUS is set if that fails. */
static bool start_cold(struct supervisor *v, int *status)
{
	struct error err = {0};

	if (restore_cold(&v->restore, v->process.tail.text, &err) &&
	    (v->restore.repairing || start_qemu_again(v, &err)))
		return true;
	if (err.status) {
		error_report(&err);
		*status = err.status;
	}
	return false;
}

/* QEMU died before the guest ran, under automatically chosen KVM. */
static bool retry_with_tcg(struct supervisor *v)
{
	struct plan *plan = v->env.plan;
	struct error err = {0};

	if (v->life.ran || v->retried || v->life.rung != RUNG_NONE || !plan->accel.automatic ||
	    plan->accel.accel != ACCEL_KVM)
		return false;
	v->retried = true;
	if (!plan_tcg(plan))
		return false;
	(void)snprintf(plan->accel.reason, sizeof plan->accel.reason,
		       "TCG, because QEMU ended under KVM before the guest ran");
	log_warning("accelerator %s; starting QEMU once more", plan->accel.reason);
	log_line(LOG_WARNING, "  fix: ", "see qemu.log; QEMU_ACCEL=tcg does not try KVM");
	if (start_qemu(v, &err))
		return true;
	error_report(&err);
	return false;
}

/* The kernel loaded from the disk printed nothing: boot by the firmware. */
static bool retry_by_firmware(struct supervisor *v)
{
	struct error err = {0};

	if (!direct_watch_again(&v->direct))
		return false;
	if (start_qemu_again(v, &err))
		return true;
	error_report(&err);
	return false;
}

/* Log the reason. Returns the container's exit status. */
static int end(struct supervisor *v)
{
	enum life_outcome outcome = lifecycle_outcome(&v->life, v->env.plan->s.gdb);
	bool cut = outcome == OUTCOME_CUT_OFF || outcome == OUTCOME_CUT_OFF_BY_DEBUGGER;
	char words[300];

	savestate_abort(&v->save);
	switch (outcome) {
	case OUTCOME_SUSPENDED:
		log_info("the guest is suspended; the next start resumes it");
		break;
	case OUTCOME_QEMU_FAILED:
		return start_failure_report(&v->env,
					    qemu_process_words(&v->process, words, sizeof words));
	case OUTCOME_DEBUGGER:
	case OUTCOME_CUT_OFF_BY_DEBUGGER:
		log_warning("the debugger has ended QEMU (gdb: kill)");
		log_line(LOG_WARNING, "  fix: ", "gdb's detach lets the guest run on");
		break;
	default: break;
	}
	if (outcome == OUTCOME_TIME_OVER) { /* how the guest ended tells what is lost */
		struct lifecycle l = v->life;

		l.verdict = VERDICT_NONE;
		cut = lifecycle_outcome(&l, v->env.plan->s.gdb) == OUTCOME_CUT_OFF;
	}
	if (cut) {
		log_warning("the guest was cut off: what it had not written to its disk is lost, "
			    "and its file systems were not unmounted");
		log_line(LOG_WARNING, "  fix: ",
			 "raise VM_STOP_TIMEOUT, or set VM_STOP_LADDER (docs/lifecycle.md)");
	}
	return lifecycle_status(&v->life, outcome);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void on_timers(struct supervisor *v)
{
	int id;

	while ((id = timers_due(&v->timers, clock_now())) >= 0) {
		switch ((enum timer_id)id) {
		case TIMER_LADDER: stop_timer(&v->stop); break;
		case TIMER_BOOT: readiness_boot_timer(&v->readiness); break;
		case TIMER_DIRECT: react_direct_timer(v); break;
		case TIMER_RUN: react_run_timer(v); break;
		case TIMER_SILENCE: readiness_silence_timer(&v->readiness); break;
		case TIMER_SCREEN: react_screen_timer(v); break;
		case TIMER_PROBES: probes_timer(&v->probes); break;
		case TIMER_PANIC: panic_check_timer(&v->panic); break;
		case TIMER_HEALTH: health_timer(&v->health); break;
		case TIMER_GREETING: start_failure_timer(&v->env); break;
		case TIMER_CLOCK: clock_timer(&v->clock); break;
		case TIMER_WARM: warm_start_timer(&v->warm); break;
		case TIMER_DISK: disk_error_timer(&v->disk_error); break;
		case TIMER_DISK_ERRORS: disk_error_count_timer(&v->disk_error); break;
		case TIMER_STUCK: disk_error_stuck_timer(&v->disk_error); break;
		case TIMER_PAUSED: react_pause_timer(v); break;
		case TIMER_ATTACH: attach_retry(&v->attach); break;
		case TIMER_SNAPSHOT: snapshot_timer(&v->snapshot); break;
		}
	}
}

static void dispatch(struct supervisor *v, struct loop_ref ref, uint32_t events)
{
	switch ((enum ref_type)ref.type) {
	case REF_SIGNAL: on_signals(v); break;
	case REF_TIMER: on_timers(v); break;
	case REF_QMP: qmp_link_io(&v->link, ref.fd, events); break;
	case REF_OUTPUT: qemu_process_output(&v->process, ref.fd); break;
	case REF_DEBUG:
		if (ref.fd == v->debug_log.pipe)
			debug_log_read(&v->debug_log);
		break;
	case REF_RELAY: relay_event(v->env.relays[ref.index], ref, events); break;
	case REF_CONTROL: control_event(&v->control, ref, events); break;
	case REF_PROBE: probe_event(&v->probes, (enum probe_id)ref.index, ref.fd, events); break;
	case REF_ATTACH: attach_accept(&v->attach, (enum attach_id)ref.index); break;
	case REF_HELPER: helper_output(&v->helpers, (enum helper_id)ref.index, ref.fd); break;
	}
}

/* docker pause and the like are not reported to a container. */
static void say_standstill(uint64_t ns)
{
	if (ns == 0)
		return;
	log_info("this process was suspended for %.1f s (docker pause, or a busy host): "
		 "deadlines are postponed",
		 (double)ns / 1e9);
	event("standstill", J_NUMBER("ms", 0, (double)ns / 1e6));
}

/* Whether QEMU has ended and nothing is under way that would start another one. */
static bool is_over(const struct supervisor *v)
{
	return v->life.qemu_ended && !v->retry.reverting && !v->share.making &&
	       !v->restore.repairing && !v->direct.reading;
}

static int run_loop(struct supervisor *v)
{
	struct epoll_event events[32];

	for (;;) {
		if (v->start_failed)
			return v->start_failed;
		if (is_over(v)) {
			drain(v);
			if (!start_cold(v, &v->start_failed) && !v->start_failed &&
			    !retry_with_tcg(v) && !retry_by_firmware(v) &&
			    !direct_watch_reboot(&v->direct) && !boot_retry_begin(&v->retry))
				return end(v);
			continue;
		}
		/* Even the last rung could not signal QEMU. */
		if (v->life.rung == RUNG_DOWN && !v->life.qemu_ended)
			return EXIT_CUT_OFF;
		qmp_link_arm(&v->link);
		uint64_t stood;
		int n = timers_wait(&v->timers, v->env.epoll, events, 32, &stood);

		say_standstill(stood);

		/* QMP first: its RESET event is older than output that can be read now. */
		for (int i = 0; i < 2 * n; i++) {
			const struct epoll_event *e = &events[i % n];
			struct loop_ref ref = loop_ref_of(e->data.u64);

			if ((ref.type == REF_QMP) == (i < n))
				dispatch(v, ref, e->events);
		}
	}
}

/* ---- start and end ----------------------------------------------------------------------- */

static bool set_up(struct supervisor *v, struct error *err)
{
	struct plan *plan = v->env.plan;
	const struct settings *s = &plan->s;
	char path[RUN_PATH_MAX];

	if (!phases_init(&v->phases, &plan->markers, &plan->patterns, err) ||
	    !files_make_run_dir(s, err) || !disk_keep_overlay(&plan->disk, &plan->identity, err))
		return false;
	for (int i = 0; i < DISKS_MORE; i++)
		if (!disk_keep_overlay(&plan->more[i], &plan->identity, err))
			return false;
	files_claim_log_dir(&plan->s);
	files_open_logs(s);
	if (plan->fsck.result[0])
		event("fsck", J_TEXT("result", plan->fsck.result),
		      J_INT("repaired", plan->fsck.repaired));
	if (!timers_loop(&v->timers, v->signals, &v->env.epoll, err))
		return false;
	helpers_init(&v->helpers, v->env.epoll);
	debug_log_open(&v->debug_log, s, v->env.epoll, REF_DEBUG);
	(void)run_path(s, "control.sock", path);
	int control = listen_unix(path, 0600, err);

	if (control < 0 ||
	    !control_init(&v->control, v->env.epoll, control, REF_CONTROL, requests_handle, v))
		return false;
	v->control.refused = &v->life.qemu;
	return consoles_open(&v->consoles, &v->guard, err) && attach_open(&v->attach, err);
}

/* Start QEMU, or first the helper that makes the CD-ROM. */
static bool start(struct supervisor *v, struct error *err)
{
	if (!share_disk_wanted(&v->share))
		return start_qemu(v, err);
	v->life.qemu_ended = true; /* until it is started */
	return share_disk_make(&v->share, err);
}

static void tear_down(struct supervisor *v)
{
	/* The last two are the health check's, which the container's end kills. */
	static const char *const names[] = {"control.sock", "qmp.sock", "gdb.sock", "health",
					    "health.hold"};
	struct plan *plan = v->env.plan;
	char path[RUN_PATH_MAX];

	attach_close(&v->attach);
	consoles_close(&v->consoles);
	debug_log_close(&v->debug_log);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(run_path(&plan->s, names[i], path));
	disk_close(&plan->disk);
	for (int i = 0; i < DISKS_MORE; i++)
		disk_close(&plan->more[i]);
	state_sweep();
}

int supervise(struct plan *plan)
{
	static struct supervisor
		v; /* zero-initialised: pages that are never written to cost nothing */
	struct error err = {0};

	v.signals = signals_open();
	v.started_ns = clock_now() - clock_since_start();
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	reactions_init(&v, plan);
	if (!set_up(&v, &err) || !start(&v, &err)) {
		error_report(&err);
		return err.status;
	}
	guard_describe(&v.guard);
	/* From here on the guest may run; the only way out is the end of run_loop(). */
	privileges_reduce();
	confine_self(&plan->s);
	int status = run_loop(&v);

	event("exit", J_INT("status", status));
	log_info("exit status %d", status);
	waiters_exit(&v, status);
	tear_down(&v);
	return status;
}
