/* supervisor.c - see supervisor.h: the loop, signals, QMP's events, the stop and the exit status.
 */
#include "pid1/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "console/log_dir.h"
#include "host/child.h"
#include "host/listen.h"
#include "plan/confine.h"
#include "qemu/accel.h"

const char *supervisor_state_name(enum vm_state state)
{
	static const char *const names[] = {[VM_STARTING] = "starting",
					    [VM_PAUSED] = "paused",
					    [VM_RUNNING] = "running",
					    [VM_STOPPING] = "stopping",
					    [VM_DOWN] = "down"};

	return names[state];
}

void supervisor_set_state(struct supervisor *v, enum vm_state state)
{
	if (v->state == state)
		return;
	v->state = state;
	event("state", "\"state\":\"%s\"", supervisor_state_name(state));
	requests_shell(v);
}

/* The state for people. */
static const char *state_text(const struct supervisor *v)
{
	switch (v->state) {
	case VM_STARTING: return "QEMU is starting, the guest does not run yet";
	case VM_PAUSED:
		if (v->weighing)
			return "the guest is being stopped";
		return v->ran ? "the guest is paused, until the monitor says cont"
			      : "the guest is paused before its first instruction, until the "
				"monitor says cont";
	case VM_STOPPING: return "the guest is being stopped";
	case VM_DOWN: return "the guest has ended, and QEMU is ending";
	default: return "the guest runs";
	}
}

/* Why the guest is not well, whatever it once was; NULL when nothing is known to be wrong. */
static const char *trouble(const struct supervisor *v)
{
	if (v->life.panicked)
		return v->life.failed ? "the guest's boot failed" : "the guest panicked";
	if (v->life.halted)
		return "the guest has shut down";
	if (v->life.late)
		return "the guest was not ready in time";
	if (v->save.saving == SAVING_SUSPENDED)
		return "the guest is being suspended";
	if (v->life.dead)
		return "the guest is dead: every processor is halted with interrupts off";
	if (v->state == VM_PAUSED && snapshots_pausing(v))
		return snapshots_pausing(v);
	return trouble_text(v) ? trouble_text(v) : network_trouble(v);
}

bool supervisor_ready(const struct supervisor *v, char *why, size_t size)
{
	const char *wrong = trouble(v);
	const char *mark = v->plan->s.ready == READY_LOGIN || v->plan->s.ready == READY_MARKER
				   ? ""
				   : "not yet that ";

	if (wrong)
		(void)snprintf(why, size, "%s", wrong);
	else if (v->state == VM_PAUSED && v->plan->s.gdb)
		(void)snprintf(why, size,
			       v->ran ? "paused, by a debugger on port %ld or the monitor"
				      : "waits for a debugger on port %ld",
			       v->plan->s.gdb_port);
	else if (v->state != VM_RUNNING)
		(void)snprintf(why, size, "%s", state_text(v));
	else if (v->life.ready)
		(void)snprintf(why, size, "ready: %s after %.2f s", life_ready_text(v),
			       (double)(v->life.ready_ns - v->spawned_ns) / 1e9);
	else if (!v->phases.first_byte_ns && !*mark)
		(void)snprintf(why, size, "running, nothing came on the serial console yet");
	else
		(void)snprintf(why, size, "running, %s%s%s; phase %.*s", *mark ? mark : "no ",
			       life_ready_text(v), *mark ? "" : " yet", PHASE_TEXT(&v->phases));
	return v->state == VM_RUNNING && !wrong && v->life.ready;
}

void supervisor_on_serial(struct supervisor *v, const uint8_t *buf, size_t n)
{
	if (v->resetting == RESET_SEEN)
		supervisor_reset_done(v);
	uint64_t now = clock_now();

	prompt_output(&v->prompt, buf, n, now);
	phases_feed(&v->phases, buf, n, now, life_on_marker, v);
}

static void on_output_line(void *arg, const char *text)
{
	(void)arg;
	log_output("qemu", text);
}

/* QEMU's own output: to the log, and its end is kept for an error. */
static void read_output(struct supervisor *v)
{
	char buf[1024];
	ssize_t got;

	while ((got = read(v->output, buf, sizeof buf)) > 0) {
		line_feed(&v->output_line, buf, (size_t)got, on_output_line, NULL);
		tail_feed(&v->tail, buf, (size_t)got);
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		line_end(&v->output_line, on_output_line, NULL);
		loop_remove(v->epoll, v->output);
		fd_close(&v->output);
	}
}

/* ---- signals --------------------------------------------------------------------------- */

static void reap(struct supervisor *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != v->qemu) {
			if (!consoles_reaped(v, pid))
				(void)helper_reaped(v, pid, status);
			continue;
		}
		v->qemu_ended = true;
		v->qemu_status = status;
	}
}

static void say_status(const struct supervisor *v)
{
	struct relay_stats st;
	char why[128];

	relay_stats(v->relays[RELAY_SERIAL], &st);
	(void)supervisor_ready(v, why, sizeof why);
	log_info("status: %s; %s; console %llu bytes, %zu clients", supervisor_state_name(v->state),
		 why, (unsigned long long)st.bytes, st.clients);
}

static void reopen_logs(struct supervisor *v)
{
	files_open_logs(&v->plan->s);
	debug_log_reopen(&v->debug_log);
	consoles_reopen_logs(v);
	log_info("logs reopened");
}

static void on_signals(struct supervisor *v)
{
	struct signalfd_siginfo info;

	while (read(v->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			v->signalled = true;
			supervisor_stop(v, LADDER_STOP);
			break;
		case SIGCHLD: reap(v); break;
		case SIGHUP: reopen_logs(v); break;
		case SIGUSR1: say_status(v); break;
		case SIGUSR2:
			log_info("reset asked for by signal");
			(void)supervisor_reset(v);
			break;
		default: break; /* nothing that PID 1 should end of */
		}
	}
}

/* What a fault of our own raises cannot wait for the loop. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};

/* Bytes of the kernel's signal set: 64 signals. */
#define KERNEL_SIGSET 8

/* The kernel's call, since libc keeps a few real-time signals to itself and leaves them open: to a
 * process that is not PID 1 they would be the end. */
void supervisor_block_signals(void)
{
	sigset_t set;

	memset(&set, 0xff, KERNEL_SIGSET);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		(void)sigdelset(&set, faults[i]);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, KERNEL_SIGSET);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int open_signals(void)
{
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		(void)sigdelset(&set, faults[i]);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* ---- the end --------------------------------------------------------------------------- */

/* QEMU died under KVM that was chosen automatically, before the guest ran. */
static bool retry_with_tcg(struct supervisor *v)
{
	struct plan *plan = v->plan;
	struct error err = {0};

	if (v->ran || v->retried || v->ladder.rung != RUNG_NONE || !plan->accel.automatic ||
	    plan->accel.accel != ACCEL_KVM)
		return false;
	v->retried = true;
	plan->accel.accel = ACCEL_TCG;
	(void)snprintf(plan->accel.reason, sizeof plan->accel.reason,
		       "TCG, because QEMU ended under KVM before the guest ran");
	log_warning("accelerator %s; starting QEMU once more", plan->accel.reason);
	if (plan_args(plan, &err) && supervisor_spawn(v, &err))
		return true;
	error_report(&err);
	return false;
}

/* Everything QEMU said before it ended is still in its sockets. */
static void drain(struct supervisor *v)
{
	proof_drop(v);
	probes_reset(v);
	snapshots_lost(v);
	network_end(v);
	helper_kill(v, HELPER_STOP);
	helper_kill(v, HELPER_CLOCK);
	/* One call takes up to 1 MiB; what a dead QEMU left in its socket is less. */
	if (v->qmp.fd >= 0 && v->qmp.state != QMP_CLOSED)
		(void)qmp_readable(&v->qmp);
	if (v->qmp.fd >= 0) {
		loop_remove(v->epoll, v->qmp.fd);
		fd_close(&v->qmp.fd);
	}
	if (v->output >= 0)
		read_output(v);
	line_end(&v->output_line, on_output_line, NULL);
	fd_close(&v->output);
	debug_log_detach(&v->debug_log);
	for (int i = 0; i < RELAY_COUNT; i++)
		relay_flush(v->relays[i]);
}

static void on_timers(struct supervisor *v)
{
	int id;

	while ((id = timers_due(&v->timers, clock_now())) >= 0) {
		switch ((enum timer_id)id) {
		case TIMER_LADDER: supervisor_timeout(v); break;
		case TIMER_BOOT: life_deadline(v); break;
		case TIMER_SILENCE: life_silence(v); break;
		case TIMER_SCREEN: life_screen_timeout(v); break;
		case TIMER_PROBES: probes_timer(v); break;
		case TIMER_PROOF: proof_timer(v); break;
		case TIMER_HEALTH: health_timer(v); break;
		case TIMER_GREETING: failure_no_greeting(v); break;
		case TIMER_CLOCK: clock_timer(v); break;
		case TIMER_WARM: state_no_ssh(v); break;
		case TIMER_DISK: trouble_look(v); break;
		case TIMER_DISK_ERRORS: trouble_sum_up(v); break;
		case TIMER_STUCK: trouble_still_stuck(v); break;
		case TIMER_PAUSED: supervisor_tell_pause(v); break;
		case TIMER_ATTACH: attach_retry(v); break;
		}
	}
}

static void dispatch(struct supervisor *v, struct loop_ref ref, uint32_t events)
{
	switch ((enum ref_type)ref.type) {
	case REF_SIGNAL: on_signals(v); break;
	case REF_TIMER: on_timers(v); break;
	case REF_QMP:
		if (ref.fd == v->qmp.fd)
			supervisor_qmp_io(v, events);
		break;
	case REF_OUTPUT:
		if (ref.fd == v->output)
			read_output(v);
		break;
	case REF_DEBUG:
		if (ref.fd == v->debug_log.pipe)
			debug_log_read(&v->debug_log);
		break;
	case REF_RELAY: relay_event(v->relays[ref.index], ref, events); break;
	case REF_CONTROL: control_event(&v->control, ref, events); break;
	case REF_PROBE: probe_event(v, (enum probe_id)ref.index, ref.fd, events); break;
	case REF_ATTACH: attach_accept(v, (enum attach_id)ref.index); break;
	case REF_HELPER:
		if (ref.fd == v->helpers[ref.index].output)
			helper_output(v, (enum helper_id)ref.index);
		break;
	}
}

/* docker pause and its like are not told to a container. */
static void say_standstill(uint64_t ns)
{
	if (ns == 0)
		return;
	log_info("everything here stood still for %.1f s (docker pause, or a busy host): no "
		 "deadline "
		 "counts that",
		 (double)ns / 1e9);
	event("standstill", "\"ms\":%.0f", (double)ns / 1e6);
}

static int run_loop(struct supervisor *v)
{
	struct epoll_event events[32];

	for (;;) {
		if (v->share_failed)
			return v->share_failed;
		if (v->qemu_ended && !v->retrying) {
			drain(v);
			if (!state_retry_cold(v) && !retry_with_tcg(v) && !retry_boot(v))
				return supervisor_outcome(v);
		}
		/* The last rung could not even signal QEMU. */
		if (v->ladder.rung == RUNG_DOWN && !v->qemu_ended)
			return EXIT_CUT_OFF;
		supervisor_qmp_rearm(v);
		uint64_t stood;
		int n = timers_wait(&v->timers, v->epoll, events, 32, &stood);

		say_standstill(stood);

		/* QMP first: what it tells of a reset came before the bytes that are there now. */
		for (int i = 0; i < 2 * n; i++) {
			const struct epoll_event *e = &events[i % n];
			struct loop_ref ref = loop_ref_of(e->data.u64);

			if ((ref.type == REF_QMP) == (i < n))
				dispatch(v, ref, e->events);
		}
	}
}

static bool set_up(struct supervisor *v, struct error *err)
{
	const struct settings *s = &v->plan->s;
	char path[RUN_PATH_MAX];

	if (!files_make_run_dir(s, err) ||
	    !disk_keep_overlay(&v->plan->disk, &v->plan->identity, err) ||
	    !disk_keep_overlay(&v->plan->disk2, &v->plan->identity, err))
		return false;
	files_claim_log_dir(&v->plan->s);
	files_open_logs(s);
	v->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (v->epoll < 0 || !timers_init(&v->timers) ||
	    !loop_add(v->epoll, v->signals, EPOLLIN, (struct loop_ref){.type = REF_SIGNAL}) ||
	    !loop_add(v->epoll, v->timers.fd, EPOLLIN, (struct loop_ref){.type = REF_TIMER}))
		return error_set(err, EXIT_INTERNAL, "", "no event loop: %s", strerror(errno));
	debug_log_open(&v->debug_log, s, v->epoll);
	(void)run_path(s, "control.sock", path);
	int control = listen_unix(path, 0600, err);

	if (control < 0 ||
	    !control_init(&v->control, v->epoll, control, REF_CONTROL, requests_handle, v))
		return false;
	v->control.refused = &v->qemu;
	return consoles_open(v, err) && attach_open(v, err);
}

static void tear_down(struct supervisor *v)
{
	/* The last two are the health check's, which is killed with the container. */
	static const char *const names[] = {"control.sock", "qmp.sock", "gdb.sock", "health",
					    "health.hold"};
	char path[RUN_PATH_MAX];

	attach_close(v);
	consoles_close(v);
	debug_log_close(&v->debug_log);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(run_path(&v->plan->s, names[i], path));
	disk_close(&v->plan->disk);
	disk_close(&v->plan->disk2);
	state_sweep();
}

bool supervisor_restart(struct supervisor *v, struct error *err)
{
	v->ports_open = 0;
	v->ran = v->retrying = v->login_seen = v->io_error = v->weighing = v->held = false;
	v->resetting = RESET_NONE;
	v->cause = CAUSE_NONE;
	v->running_ns = v->qmp_ns = 0;
	v->life = (struct life){.attempts = v->life.attempts};
	v->trouble = (struct trouble){.errors = v->trouble.errors};
	phases_restart(&v->phases);
	prompt_reset(&v->prompt);
	ladder_init(&v->ladder, v->plan->rungs, v->plan->s.stop_timeout);
	timers_set(&v->timers, TIMER_LADDER, 0);
	supervisor_set_state(v, VM_STARTING);
	return supervisor_spawn(v, err);
}

int supervise(struct plan *plan)
{
	static struct supervisor v; /* zero as it is: pages that nobody writes to cost nothing */
	struct error err = {0};

	v.plan = plan;
	v.signals = open_signals();
	v.output = -1;
	v.qmp.fd = -1;
	v.qmp.on_event = supervisor_on_qmp;
	v.qmp.event_arg = &v;
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	v.started_ns = clock_now() - clock_since_start();
	ladder_init(&v.ladder, plan->rungs, plan->s.stop_timeout);
	for (int i = 0; i < HELPER_COUNT; i++)
		v.helpers[i].output = -1;
	probes_init(&v);
	if (!phases_init(&v.phases, plan->markers, plan->markers_len, &err) || !set_up(&v, &err) ||
	    !network_prepare(plan, &err) || !share_make(&v, &err)) {
		error_report(&err);
		return err.status;
	}
	guard_describe(&v);
	/* From here on the guest may run: nothing below returns but through run_loop(). */
	privileges_reduce();
	confine_self(&plan->s);
	int status = run_loop(&v);

	event("exit", "\"status\":%d", status);
	log_info("exit status %d", status);
	requests_gone(&v, status);
	tear_down(&v);
	return status;
}
