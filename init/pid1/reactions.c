/* reactions.c - what follows from each notice: the one place that knows how the rooms of PID 1 act
 * together. (supervisor.h)
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/console_tail.h"
#include "pid1/start_failure.h"
#include "pid1/supervisor.h"
#include "pid1/waiters.h"

/* ---- the life of the guest --------------------------------------------------------------- */

static void life_event(struct supervisor *v, enum life_event what)
{
	if (!lifecycle_event(&v->life, what))
		return;
	event("state", J_TEXT("state", lifecycle_phase_name(v->life.phase)));
	waiters_shell(v);
}

static double since_qemu_ms(const struct supervisor *v, uint64_t at)
{
	return (double)(at - v->life.spawned_ns) / 1e6;
}

static void log_console(const struct supervisor *v)
{
	console_tail_log(v->env.relays[RELAY_SERIAL], v->console_start);
}

/* The guest runs from its reset vector, or from another moment of its life. */
static void begin_again(struct supervisor *v)
{
	readiness_reset(&v->readiness);
	panic_check_drop(&v->panic);
	warm_start_cancel(&v->warm);
	phases_restart(&v->phases);
	probes_reset(&v->probes);
}

static void on_runs_now(struct supervisor *v)
{
	/* Also of a guest that is ready at once, whoever began to wait before it ran. */
	waiters_probe(v);
	readiness_runs(&v->readiness);
}

static void on_restarted(struct supervisor *v, const struct notice *n)
{
	(void)n;
	lifecycle_reset(&v->life);
	begin_again(v);
	if (v->life.phase == LIFE_RUNNING)
		on_runs_now(v);
	prompt_reset(&v->prompt);
}

static void on_snapshot_loaded(struct supervisor *v, const struct notice *n)
{
	bool login = v->life.login || v->env.plan->s.ready == READY_LOGIN;

	lifecycle_loaded(&v->life);
	begin_again(v);
	if (v->life.phase == LIFE_RUNNING)
		on_runs_now(v);
	if (!n->on)
		return;
	readiness_reached(&v->readiness);
	v->life.login = login;
	lifecycle_ready(&v->life, clock_now());
	boot_retry_forget_disk(&v->retry);
	waiters_ready(v);
	if (login)
		waiters_login(v);
}

static void on_ready(struct supervisor *v, const struct notice *n)
{
	char by[16];

	(void)n;
	lifecycle_ready(&v->life, clock_now());
	readiness_reached(&v->readiness);
	log_info("ready: %s, %.2f s after QEMU's start", readiness_text(&v->env),
		 since_qemu_ms(v, v->life.ready_ns) / 1e3);
	event("ready",
	      J_TEXT("by", setting_choice(SETTING_VM_READY, v->env.plan->s.ready, by, sizeof by)),
	      J_NUMBER("since_qemu_ms", 1, since_qemu_ms(v, v->life.ready_ns)));
	panic_check_ready(&v->panic);
	boot_retry_forget_disk(&v->retry);
	hostfwd_publish(&v->hostfwd);
	waiters_ready(v);
	stop_ask_again(&v->stop);
	clock_ready(&v->clock);
	warm_start_ready(&v->warm);
}

static void on_port_answered(struct supervisor *v, const struct notice *n)
{
	enum probe_id which = (enum probe_id)n->value;

	event("answer", J_TEXT("from", which == PROBE_SSH ? "ssh" : "http"),
	      J_NUMBER("since_qemu_ms", 1, since_qemu_ms(v, clock_now())));
	readiness_answered(&v->readiness, which);
	health_answered(&v->health, which);
	if (which == PROBE_SSH)
		warm_start_ssh_answered(&v->warm);
	waiters_answered(v, which);
}

/* ---- the serial line --------------------------------------------------------------------- */

static void tell_marker(const struct supervisor *v, const struct marker *m, uint64_t at)
{
	double ms = since_qemu_ms(v, at);

	event("phase", J_TEXT_N("name", (int)m->name_len, m->name),
	      J_TEXT("kind", marker_kind_name(m->kind)), J_NUMBER("since_qemu_ms", 3, ms));
	if (m->kind == MARKER_PROGRESS)
		log_info("phase %.*s, %.3f s after QEMU's start", (int)m->name_len, m->name,
			 ms / 1000);
	else if (m->kind == MARKER_HINT)
		log_warning("the guest says: %.*s", (int)m->name_len, m->name);
	if (m->say_len > 0)
		log_line(LOG_WARNING, "  hint: ", "%.*s", (int)m->say_len, m->say);
}

static void on_login(struct supervisor *v, const struct marker *m)
{
	v->life.login = true;
	prompt_login(&v->prompt);
	readiness_marker(&v->readiness, m);
	waiters_login(v);
}

static void on_marker(const struct marker *m, uint64_t at, void *supervisor)
{
	struct supervisor *v = supervisor;

	tell_marker(v, m, at);
	switch (m->kind) {
	case MARKER_READY:
		if (readiness_is_login(m))
			on_login(v, m);
		else
			readiness_marker(&v->readiness, m);
		break;
	case MARKER_FAILURE:
		if (!v->life.ready)
			panic_check_begin(&v->panic, m);
		break;
	case MARKER_PANIC:
	case MARKER_DOWN: panic_check_begin(&v->panic, m); break;
	default:
		/* "stopping": it has heard what the ladder asked for. */
		if (m->name_len == 8 && memcmp(m->name, "stopping", 8) == 0)
			stop_event(&v->stop, LADDER_ACCEPTED);
		break;
	}
}

static void on_serial(struct supervisor *v, const struct notice *n)
{
	uint64_t now;

	reset_on_serial(&v->reset);
	now = clock_now();
	prompt_output(&v->prompt, n->data, n->size, now);
	phases_feed(&v->phases, n->data, n->size, now, on_marker, v);
}

/* ---- QMP --------------------------------------------------------------------------------- */

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

	if (!v->env.plan->vnc_password[0])
		return;
	(void)snprintf(arguments, sizeof arguments, "{\"protocol\":\"vnc\",\"password\":%s}",
		       json_quote(v->env.plan->vnc_password, quoted, sizeof quoted));
	(void)qmp_send(&v->qmp, "set_password", arguments, on_vnc_password, v);
}

static void on_qmp_ready(struct supervisor *v, const struct notice *n)
{
	(void)n;
	env_timer(&v->env, TIMER_GREETING, 0);
	send_vnc_password(v);
	v->life.qmp_ns = clock_now();
	event("qmp", J_TEXT("qemu", v->qmp.version));
	if (!savestate_resume(&v->save))
		boot_retry_keep_disk(&v->retry);
}

static void on_qmp_lost(struct supervisor *v, const struct notice *n)
{
	(void)n;
	start_failure_qmp_lost(&v->env);
	if (rung_is_gentle(v->life.rung) && v->life.phase != LIFE_DOWN)
		stop_event(&v->stop, LADDER_NOW);
}

static void on_cont(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	(void)q, (void)doc, (void)result, (void)arg;
	if (error)
		log_error("QEMU does not run the guest: %s", error);
}

/* Everything is ready for the guest: it may run, if nobody wants it to wait. */
static void on_disk_kept(struct supervisor *v, const struct notice *n)
{
	const struct settings *s = &v->env.plan->s;

	(void)n;
	if (v->life.rung != RUNG_NONE) /* not any more */
		return;
	if (!s->start_paused && !s->gdb_wait) {
		(void)qmp_send(&v->qmp, "cont", NULL, on_cont, v);
		attach_allow(&v->attach);
		return;
	}
	if (s->gdb_wait)
		log_info("QEMU %s is there; the guest waits for a debugger on port %ld",
			 v->qmp.version, s->gdb_port);
	else
		log_info("QEMU %s is there; the guest waits for cont on the monitor",
			 v->qmp.version);
	life_event(v, LIFE_EVENT_WAITS);
	attach_allow(&v->attach);
}

static void on_state_resumed(struct supervisor *v, const struct notice *n)
{
	v->life.resumed = true;
	v->life.login = n->on;
	if (n->on)
		waiters_login(v);
	boot_retry_keep_disk(&v->retry);
}

/* A debugger that steps, a snapshot or a state that is saved pause a guest for moments; what lasts
 * longer has a line in the log, and one for its end. */
#define PAUSE_TOLD_NS UINT64_C(1000000000)

void react_pause_timer(struct supervisor *v)
{
	if (v->life.phase != LIFE_PAUSED || lifecycle_snapshot_text(&v->life) ||
	    lifecycle_any(&v->life, COND_ANY_SAVE))
		return;
	v->pause_told = true;
	if (lifecycle_is(&v->life, COND_DISK_ERROR)) /* disk_error.c says that, and what helps */
		return;
	if (v->env.plan->s.gdb)
		log_info("the guest is paused, by a debugger on port %ld or the monitor; vm "
			 "monitor cont lets it run on if the debugger has gone",
			 v->env.plan->s.gdb_port);
	else
		log_info("the guest is paused; vm monitor cont lets it run on");
}

static void end_pause(struct supervisor *v)
{
	env_timer(&v->env, TIMER_PAUSED, 0);
	if (v->pause_told)
		log_info("the guest runs on, %.1f s after it was paused",
			 (double)(clock_now() - v->paused_ns) / 1e9);
	v->pause_told = false;
	v->paused_ns = 0;
}

static void on_resumed(struct supervisor *v, const struct notice *n)
{
	bool first = !v->life.ran;

	(void)n;
	end_pause(v);
	/* As in lifecycle_event(): a stop was faster. */
	if (first && v->life.rung != RUNG_NONE)
		return;
	if (first) {
		v->life.running_ns = clock_now();
		log_info("the guest runs, %.0f ms after the start (QEMU %s)",
			 (double)clock_since_start() / 1e6, v->qmp.version);
	}
	v->life.ran = true;
	disk_error_resumed(&v->disk_error);
	life_event(v, LIFE_EVENT_RUNS);
	on_runs_now(v);
}

static void on_paused(struct supervisor *v, const struct notice *n)
{
	bool asked = v->life.phase == LIFE_STOPPING && rung_is_gentle(v->life.rung) &&
		     !lifecycle_any(&v->life, COND_ANY_SAVE);

	(void)n;
	disk_error_paused(&v->disk_error);
	snapshot_paused(&v->snapshot);
	if (v->life.phase == LIFE_RUNNING) {
		life_event(v, LIFE_EVENT_PAUSES);
		v->paused_ns = clock_now();
		env_timer(&v->env, TIMER_PAUSED, v->paused_ns + PAUSE_TOLD_NS);
		readiness_paused(&v->readiness);
	} else if (asked && v->env.plan->s.gdb && !lifecycle_is(&v->life, COND_DISK_ERROR)) {
		log_warning("the debugger has stopped the guest, which does not hear that it is to "
			    "power off");
		stop_event(&v->stop, LADDER_NOW);
	}
}

static void on_shutdown(struct supervisor *v, const struct notice *n)
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
	const char *reason = n->text;
	const char *text = reason;

	if (v->life.cause != CAUSE_NONE) /* that was it; this is our `quit` */
		return;
	if (reset_caught(&v->reset, reason))
		return;
	v->life.cause = CAUSE_OTHER;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(reason, rows[i].reason) == 0) {
			v->life.cause = rows[i].cause;
			text = rows[i].text;
		}
	/* A guest that stands still does not power off: QEMU >= 10 gives gdb's kill that reason. */
	if (v->life.cause == CAUSE_GUEST_OFF && v->life.phase == LIFE_PAUSED) {
		v->life.cause = CAUSE_DEBUGGER;
		text = "QEMU was told to end";
	}
	bool fatal = v->life.cause == CAUSE_GUEST_RESET && reset_was_fatal(&v->reset);

	panic_check_drop(&v->panic);
	life_event(v, LIFE_EVENT_ENDS);
	if (!lifecycle_panicked(&v->life))
		log_info("%s", text);
	event("shutdown", J_TEXT("reason", text == reason ? "other" : reason));
	if (!fatal)
		reset_end(&v->reset);
}

static void on_powerdown(struct supervisor *v, const struct notice *n)
{
	(void)v, (void)n;
	log_info("the power button was pressed");
}

static void on_machine_reset(struct supervisor *v, const struct notice *n)
{
	reset_on_event(&v->reset, n->on);
}

static void on_pvpanic(struct supervisor *v, const struct notice *n)
{
	(void)n;
	panic_check_device(&v->panic);
}

static void on_disk_error(struct supervisor *v, const struct notice *n)
{
	disk_error_event(&v->disk_error, n->doc, n->json);
}

static void on_migration(struct supervisor *v, const struct notice *n)
{
	savestate_event(&v->save, n->doc, n->json);
}

static void on_job(struct supervisor *v, const struct notice *n)
{
	snapshot_on_job(&v->snapshot, n->doc, n->json);
}

/* ---- what is found out ------------------------------------------------------------------- */

static void on_condition(struct supervisor *v, const struct notice *n)
{
	lifecycle_set(&v->life, (enum condition)n->value, n->on);
}

static void on_trouble(struct supervisor *v, const struct notice *n)
{
	(void)n;
	waiters_trouble(v);
}

static void on_verdict(struct supervisor *v, const struct notice *n)
{
	lifecycle_judge(&v->life, (enum verdict)n->value);
}

static void say_panic(struct supervisor *v, const char *why, const char *action)
{
	log_error("the guest panicked: %s", why);
	event("panic", J_TEXT("action", action));
	log_console(v);
	waiters_trouble(v);
}

static void on_panic(struct supervisor *v, const struct notice *n)
{
	static const char *const actions[] = {"exit", "keep", "pause"};
	int action = v->env.plan->s.on_panic;

	lifecycle_judge(&v->life, (enum verdict)n->value);
	say_panic(v, n->text, actions[action]);
	if (v->life.rung != RUNG_NONE) {
		stop_ask(&v->stop, LADDER_NOW);
		return;
	}
	switch (action) {
	case PANIC_EXIT: stop_ask(&v->stop, LADDER_NOW); break;
	case PANIC_PAUSE:
		(void)env_qmp(&v->env, "stop");
		log_info("VM_ON_PANIC=pause: the guest stands still; vm monitor and GDB see it as "
			 "it is");
		break;
	default: log_info("VM_ON_PANIC=keep: QEMU runs on"); break;
	}
}

static void on_fatal_reset(struct supervisor *v, const struct notice *n)
{
	say_panic(v, n->text, "reset");
}

static void on_halted(struct supervisor *v, const struct notice *n)
{
	lifecycle_judge(&v->life, VERDICT_HALTED);
	log_info("the guest has shut down (%s); ending QEMU", n->text);
	event("down", J_TEXT("name", n->text));
	stop_ask(&v->stop, LADDER_NOW);
}

static void on_kept(struct supervisor *v, const struct notice *n)
{
	(void)n;
	life_event(v, LIFE_EVENT_KEPT);
}

static void on_gave_up(struct supervisor *v, const struct notice *n)
{
	(void)n;
	lifecycle_judge(&v->life, VERDICT_GAVE_UP);
	stop_event(&v->stop, LADDER_NOW);
}

static void on_checked(struct supervisor *v, const struct notice *n)
{
	waiters_checked(v, n->text);
}

/* ---- too late ---------------------------------------------------------------------------- */

#define SCREEN_WAIT_NS UINT64_C(3000000000)

static void stop_late(struct supervisor *v)
{
	env_timer(&v->env, TIMER_SCREEN, 0);
	if (!boot_retry_left(&v->retry))
		boot_retry_forget_disk(&v->retry);
	stop_ask(&v->stop, LADDER_NOW);
}

static void on_screen(void *arg, const char *error, const char *path)
{
	struct supervisor *v = arg;

	if (error)
		log_warning("no screenshot: %s", error);
	else
		log_info("the screen as it was then: %s", path);
	if (v->timers.at[TIMER_SCREEN])
		stop_late(v);
}

void react_screen_timer(struct supervisor *v)
{
	log_warning("no screenshot: QEMU does not answer");
	stop_late(v);
}

static void on_late(struct supervisor *v, const struct notice *n)
{
	const struct settings *s = &v->env.plan->s;
	char path[4200];

	(void)n;
	lifecycle_judge(&v->life, VERDICT_LATE);
	boot_retry_late(&v->retry);
	log_error(
		"VM_BOOT_TIMEOUT=%ld: the guest is not ready (%s) after %ld s; it got to the phase "
		"%.*s",
		s->boot_timeout, readiness_text(&v->env), s->boot_timeout, PHASE_TEXT(&v->phases));
	event("boot_deadline", J_TEXT_N("phase", PHASE_TEXT(&v->phases)),
	      J_INT("attempt", v->retry.attempts));
	log_console(v);
	(void)snprintf(path, sizeof path, "%s/boot-deadline.png", s->log_dir);
	if (s->vga != VGA_NONE && screenshot_take(&v->screenshot, path, on_screen, v)) {
		/* A QEMU that hangs does not answer. */
		env_timer(&v->env, TIMER_SCREEN, clock_now() + SCREEN_WAIT_NS);
		return;
	}
	stop_late(v);
}

static void on_boot_again(struct supervisor *v, const struct notice *n)
{
	struct error err = {0};

	(void)n;
	if (start_qemu_again(v, &err))
		return;
	error_report(&err);
	boot_retry_failed(&v->retry);
}

/* ---- the start, the stop, resets --------------------------------------------------------- */

static void on_share_made(struct supervisor *v, const struct notice *n)
{
	struct error err = {0};

	(void)n;
	if (start_qemu(v, &err))
		return;
	error_report(&err);
	v->start_failed = err.status;
}

static void on_share_failed(struct supervisor *v, const struct notice *n)
{
	v->start_failed = n->value;
}

static void on_rung(struct supervisor *v, const struct notice *n)
{
	v->life.rung = (enum rung)n->value;
	if (v->life.rung == RUNG_DOWN)
		return;
	warm_start_cancel(&v->warm);
	life_event(v, LIFE_EVENT_STOPS);
}

static void on_rung_ends(struct supervisor *v, const struct notice *n)
{
	stop_event(&v->stop, (enum ladder_event)n->value);
}

static void on_reset_wanted(struct supervisor *v, const struct notice *n)
{
	(void)reset_press(&v->reset, n->on ? THEN_RUNS : THEN_STANDS_STILL);
}

static void on_reset_pressed(struct supervisor *v, const struct notice *n)
{
	(void)n;
	v->life.ready = v->life.login = false;
}

static void on_warm_ends(struct supervisor *v, const struct notice *n)
{
	waiters_warm(v, n->value, n->text);
}

/* ---- the table --------------------------------------------------------------------------- */

void react(const struct notice *n, void *supervisor)
{
	static void (*const table[NOTICES])(struct supervisor * v, const struct notice *n) = {
		[NOTICE_QMP_READY] = on_qmp_ready,
		[NOTICE_QMP_LOST] = on_qmp_lost,
		[NOTICE_RESUMED] = on_resumed,
		[NOTICE_PAUSED] = on_paused,
		[NOTICE_SHUTDOWN] = on_shutdown,
		[NOTICE_POWERDOWN] = on_powerdown,
		[NOTICE_MACHINE_RESET] = on_machine_reset,
		[NOTICE_PVPANIC] = on_pvpanic,
		[NOTICE_DISK_ERROR] = on_disk_error,
		[NOTICE_MIGRATION] = on_migration,
		[NOTICE_JOB] = on_job,
		[NOTICE_SERIAL] = on_serial,
		[NOTICE_LATE] = on_late,
		[NOTICE_READY] = on_ready,
		[NOTICE_CONDITION] = on_condition,
		[NOTICE_TROUBLE] = on_trouble,
		[NOTICE_VERDICT] = on_verdict,
		[NOTICE_PANIC] = on_panic,
		[NOTICE_HALTED] = on_halted,
		[NOTICE_FATAL_RESET] = on_fatal_reset,
		[NOTICE_RESET_PRESSED] = on_reset_pressed,
		[NOTICE_RESTARTED] = on_restarted,
		[NOTICE_KEPT] = on_kept,
		[NOTICE_GAVE_UP] = on_gave_up,
		[NOTICE_PORT_ANSWERED] = on_port_answered,
		[NOTICE_CHECKED] = on_checked,
		[NOTICE_RESET_WANTED] = on_reset_wanted,
		[NOTICE_DISK_KEPT] = on_disk_kept,
		[NOTICE_BOOT_AGAIN] = on_boot_again,
		[NOTICE_SHARE_MADE] = on_share_made,
		[NOTICE_SHARE_FAILED] = on_share_failed,
		[NOTICE_RUNG] = on_rung,
		[NOTICE_RUNG_ENDS] = on_rung_ends,
		[NOTICE_STATE_RESUMED] = on_state_resumed,
		[NOTICE_WARM_ENDS] = on_warm_ends,
		[NOTICE_SNAPSHOT_LOADED] = on_snapshot_loaded,
	};

	table[n->kind](supervisor, n);
}

/* ---- the rooms --------------------------------------------------------------------------- */

void reactions_init(struct supervisor *v, struct plan *plan)
{
	struct env *env = &v->env;

	*env = (struct env){
		.plan = plan,
		.epoll = -1,
		.timers = &v->timers,
		.qmp = &v->qmp,
		.control = &v->control,
		.helpers = &v->helpers,
		.prompt = &v->prompt,
		.phases = &v->phases,
		.life = &v->life,
		.handler = react,
		.handler_arg = v,
	};
	consoles_init(&v->consoles, env);
	guard_init(&v->guard, env);
	attach_init(&v->attach, env, &v->guard);
	boot_retry_init(&v->retry, env);
	clock_init(&v->clock, env);
	disk_error_init(&v->disk_error, env);
	probes_init(&v->probes, env);
	health_init(&v->health, env, &v->probes);
	hostfwd_init(&v->hostfwd, env, &v->probes);
	network_init(&v->network, env);
	panic_check_init(&v->panic, env);
	qemu_process_init(&v->process, env);
	qmp_link_init(&v->link, env);
	readiness_init(&v->readiness, env, &v->probes);
	reset_init(&v->reset, env, &v->debug_log, &v->panic);
	savestate_init(&v->save, env);
	screenshot_init(&v->screenshot, env);
	share_disk_init(&v->share, env);
	snapshot_init(&v->snapshot, env);
	stop_init(&v->stop, env, &v->save);
	warm_start_init(&v->warm, env, &v->save, &v->probes);
}
