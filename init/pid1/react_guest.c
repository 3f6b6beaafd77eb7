/* react_guest.c - reactions to what is found out about the guest (reactions.h). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/console_tail.h"
#include "pid1/reactions.h"
#include "pid1/waiters.h"

void react_life_event(struct supervisor *v, enum life_event what)
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

/* The guest runs from its reset vector, or from a loaded snapshot. */
static void begin_again(struct supervisor *v)
{
	readiness_reset(&v->readiness);
	panic_check_drop(&v->panic);
	warm_start_cancel(&v->warm);
	phases_restart(&v->phases);
	probes_reset(&v->probes);
}

/* VM_RUN_TIMEOUT counts from when the guest first ran, across resets. */
static void limit_run(struct supervisor *v)
{
	long limit = env_settings(&v->env)->run_timeout;

	if (limit && !v->env.timers->at[TIMER_RUN] && v->life.rung == RUNG_NONE)
		env_timer(&v->env, TIMER_RUN, clock_now() + (uint64_t)limit * UINT64_C(1000000000));
}

void react_runs_now(struct supervisor *v)
{
	/* Even if the guest is ready at once: clients may have waited before it ran. */
	waiters_probe(v);
	readiness_runs(&v->readiness);
	direct_watch_runs(&v->direct);
	limit_run(v);
}

void react_restarted(struct supervisor *v, const struct notice *n)
{
	(void)n;
	lifecycle_reset(&v->life);
	begin_again(v);
	if (v->life.phase == LIFE_RUNNING)
		react_runs_now(v);
	prompt_reset(&v->prompt);
}

void react_snapshot_loaded(struct supervisor *v, const struct notice *n)
{
	bool login = v->life.login || v->env.plan->s.ready == READY_LOGIN;

	lifecycle_loaded(&v->life);
	begin_again(v);
	if (v->life.phase == LIFE_RUNNING)
		react_runs_now(v);
	if (!n->on)
		return;
	readiness_reached(&v->readiness);
	v->life.login = login;
	lifecycle_ready(&v->life, clock_now());
	boot_retry_forget_disk(&v->retry);
	if (login)
		waiters_login(v);
}

void react_ready(struct supervisor *v, const struct notice *n)
{
	(void)n;
	lifecycle_ready(&v->life, clock_now());
	readiness_reached(&v->readiness);
	log_good("ready: ", "%s, %.2f s after QEMU's start", readiness_text(&v->env),
		 since_qemu_ms(v, v->life.ready_ns) / 1e3);
	event("ready", J_TEXT("by", readiness_name(&v->env)),
	      J_NUMBER("since_qemu_ms", 1, since_qemu_ms(v, v->life.ready_ns)));
	panic_check_ready(&v->panic);
	boot_retry_forget_disk(&v->retry);
	hostfwd_publish(&v->hostfwd);
	stop_ask_again(&v->stop);
	clock_ready(&v->clock);
	warm_start_ready(&v->warm);
}

void react_port_answered(struct supervisor *v, const struct notice *n)
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
		log_phase("phase ", "%.*s, %.3f s after QEMU's start", (int)m->name_len, m->name,
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

static bool is_named(const struct marker *m, const char *name)
{
	return m->name_len == strlen(name) && memcmp(m->name, name, m->name_len) == 0;
}

/* Markers whose names have a meaning. */
static void on_named(struct supervisor *v, const struct marker *m)
{
	/* The guest has accepted the request to shut down. */
	if (is_named(m, "stopping"))
		stop_event(&v->stop, LADDER_ACCEPTED);
	else if (is_named(m, "read-only"))
		lifecycle_set(&v->life, COND_READ_ONLY, true);
	/* The guest repairs its own disk. */
	else if (is_named(m, "fsck"))
		lifecycle_set(&v->life, COND_READ_ONLY, false);
}

static void on_marker(const struct marker *m, uint64_t at, void *supervisor)
{
	struct supervisor *v = supervisor;

	if (panic_check_is_news(&v->panic, m, at))
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
	default: on_named(v, m); break;
	}
}

void react_serial(struct supervisor *v, const struct notice *n)
{
	uint64_t now;

	reset_on_serial(&v->reset);
	now = clock_now();
	prompt_output(&v->prompt, n->data, n->size, now);
	phases_feed(&v->phases, n->data, n->size, now, on_marker, v);
}

/* ---- findings ---------------------------------------------------------------------------- */

void react_condition(struct supervisor *v, const struct notice *n)
{
	lifecycle_set(&v->life, (enum condition)n->value, n->on);
	/* After COND_CONTINUING, nothing else ends the wait for a guest that stays paused. */
	waiters_shell(v);
}

void react_problem(struct supervisor *v, const struct notice *n)
{
	(void)n;
	waiters_problem(v);
}

void react_verdict(struct supervisor *v, const struct notice *n)
{
	lifecycle_judge(&v->life, (enum verdict)n->value);
}

void react_say_panic(struct supervisor *v, const char *why, const char *action)
{
	log_error("the guest panicked: %s", why);
	event("panic", J_TEXT("action", action));
	log_console(v);
	waiters_problem(v);
}

void react_panic(struct supervisor *v, const struct notice *n)
{
	static const char *const actions[] = {"exit", "keep", "pause"};
	int action = v->env.plan->s.on_panic;

	lifecycle_judge(&v->life, (enum verdict)n->value);
	react_say_panic(v, n->text, actions[action]);
	if (v->life.rung != RUNG_NONE) {
		stop_ask(&v->stop, LADDER_NOW);
		return;
	}
	switch (action) {
	case PANIC_EXIT: stop_ask(&v->stop, LADDER_NOW); break;
	case PANIC_PAUSE:
		(void)env_qmp(&v->env, "stop");
		log_info("VM_ON_PANIC=pause: the guest is paused: inspect it with vm monitor or "
			 "GDB");
		break;
	default: log_info("VM_ON_PANIC=keep: QEMU runs on"); break;
	}
}

void react_fatal_reset(struct supervisor *v, const struct notice *n)
{
	react_say_panic(v, n->text, "reset");
}

void react_halted(struct supervisor *v, const struct notice *n)
{
	lifecycle_judge(&v->life, VERDICT_HALTED);
	log_info("the guest has shut down (%s); ending QEMU", n->text);
	event("down", J_TEXT("name", n->text));
	stop_ask(&v->stop, LADDER_NOW);
}

void react_kept(struct supervisor *v, const struct notice *n)
{
	(void)n;
	react_life_event(v, LIFE_EVENT_KEPT);
}

void react_gave_up(struct supervisor *v, const struct notice *n)
{
	(void)n;
	lifecycle_judge(&v->life, VERDICT_GAVE_UP);
	stop_event(&v->stop, LADDER_NOW);
}

void react_checked(struct supervisor *v, const struct notice *n)
{
	waiters_checked(v, n->text);
}

/* ---- boot deadlines ---------------------------------------------------------------------- */

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
		log_info("screenshot of that moment: %s", path);
	if (v->timers.at[TIMER_SCREEN])
		stop_late(v);
}

void react_screen_timer(struct supervisor *v)
{
	log_warning("no screenshot: QEMU does not answer");
	stop_late(v);
}

void react_run_timer(struct supervisor *v)
{
	if (v->life.cause != CAUSE_NONE || v->life.rung != RUNG_NONE)
		return;
	lifecycle_judge(&v->life, VERDICT_TIME_OVER);
	log_warning("VM_RUN_TIMEOUT=%ld: the guest has run for %ld s, and is stopped",
		    env_settings(&v->env)->run_timeout, env_settings(&v->env)->run_timeout);
	log_line(LOG_WARNING, "  fix: ", "raise VM_RUN_TIMEOUT; 0 is no limit");
	event("run_deadline", J_INT("after_s", env_settings(&v->env)->run_timeout));
	stop_ask(&v->stop, LADDER_STOP);
}

void react_late(struct supervisor *v, const struct notice *n)
{
	const struct settings *s = &v->env.plan->s;
	char path[4200];

	(void)n;
	lifecycle_judge(&v->life, VERDICT_LATE);
	boot_retry_late(&v->retry);
	log_error("VM_BOOT_TIMEOUT=%ld: the guest is not ready (%s) after %ld s; it reached the "
		  "phase "
		  "%.*s",
		  s->boot_timeout, readiness_text(&v->env), s->boot_timeout,
		  PHASE_TEXT(&v->phases));
	log_line(
		LOG_ERROR, "  fix: ",
		"raise VM_BOOT_TIMEOUT, or set VM_READY to what this guest shows when it is ready");
	event("boot_deadline", J_TEXT_N("phase", PHASE_TEXT(&v->phases)),
	      J_INT("attempt", v->retry.attempts));
	log_console(v);
	(void)snprintf(path, sizeof path, "%s/boot-deadline.png", s->log_dir);
	if (s->vga != VGA_NONE && screenshot_take(&v->screenshot, path, on_screen, v)) {
		/* A hung QEMU does not answer. */
		env_timer(&v->env, TIMER_SCREEN, clock_now() + SCREEN_WAIT_NS);
		return;
	}
	stop_late(v);
}

/* As after a boot deadline, but without reverting the disk and without a screenshot. */
void react_direct_timer(struct supervisor *v)
{
	if (!direct_watch_timer(&v->direct))
		return;
	lifecycle_judge(&v->life, VERDICT_LATE);
	stop_ask(&v->stop, LADDER_NOW);
}

void react_boot_again(struct supervisor *v, const struct notice *n)
{
	struct error err = {0};

	(void)n;
	if (start_qemu_again(v, &err))
		return;
	error_report(&err);
	boot_retry_failed(&v->retry);
}
