/* react_qmp.c - reactions to QMP (reactions.h). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/reactions.h"
#include "pid1/start_failure.h"
#include "pid1/waiters.h"

static void on_vnc_password(struct qmp *q, const struct json *doc, const struct json_value *result,
			    const char *error, void *arg)
{
	(void)q, (void)doc, (void)result, (void)arg;
	if (error)
		log_error("QEMU refuses the VNC password, so no VNC client can log in: %s", error);
}

/* Until its password is set, a display that asks for one refuses all clients (QEMU: ui/vnc.c). */
static void send_vnc_password(struct supervisor *v)
{
	char arguments[128];

	if (!v->env.plan->vnc_password[0])
		return;
	(void)json_write(arguments, sizeof arguments,
			 JSON_LIST(J_TEXT("protocol", "vnc"),
				   J_TEXT("password", v->env.plan->vnc_password)));
	(void)qmp_send(&v->qmp, "set_password", arguments, on_vnc_password, v);
}

void react_qmp_ready(struct supervisor *v, const struct notice *n)
{
	(void)n;
	env_timer(&v->env, TIMER_GREETING, 0);
	send_vnc_password(v);
	v->life.qmp_ns = clock_now();
	event("qmp", J_TEXT("qemu", v->qmp.version));
	if (!restore_begin(&v->restore))
		boot_retry_keep_disk(&v->retry);
}

void react_qmp_lost(struct supervisor *v, const struct notice *n)
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
	if (error) {
		log_error("QEMU cannot run the guest: %s", error);
		log_line(LOG_ERROR, "  fix: ", "see qemu.log, then restart the container");
	}
}

/* Everything is ready: run the guest, unless VM_START_PAUSED or GDB_WAIT is set. */
void react_disk_kept(struct supervisor *v, const struct notice *n)
{
	const struct settings *s = &v->env.plan->s;

	(void)n;
	if (v->life.rung != RUNG_NONE) /* a stop has begun */
		return;
	if (!s->start_paused && !s->gdb_wait) {
		(void)qmp_send(&v->qmp, "cont", NULL, on_cont, v);
		attach_allow(&v->attach);
		return;
	}
	if (s->gdb_wait)
		log_info("QEMU %s is ready; the guest waits for a debugger on port %ld",
			 v->qmp.version, s->gdb_port);
	else
		log_info("QEMU %s is ready; the guest waits for cont on the monitor",
			 v->qmp.version);
	react_life_event(v, LIFE_EVENT_WAITS);
	attach_allow(&v->attach);
}

void react_state_resumed(struct supervisor *v, const struct notice *n)
{
	v->life.resumed = true;
	v->life.login = n->on;
	if (n->on)
		waiters_login(v);
	boot_retry_keep_disk(&v->retry);
}

/* A debugger's single steps, a snapshot or the saving of a state pause the guest for moments. A
 * longer pause is logged, with its end. */
#define PAUSE_LOGGED_NS UINT64_C(1000000000)

void react_pause_timer(struct supervisor *v)
{
	if (v->life.phase != LIFE_PAUSED || lifecycle_snapshot_text(&v->life) ||
	    lifecycle_any(&v->life, COND_ANY_SAVE))
		return;
	v->pause_logged = true;
	if (lifecycle_is(&v->life, COND_DISK_ERROR)) /* disk_error.c logs the cause and the fix */
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
	if (v->pause_logged)
		log_info("the guest runs on, %.1f s after it was paused",
			 (double)(clock_now() - v->paused_ns) / 1e9);
	v->pause_logged = false;
	v->paused_ns = 0;
}

void react_resumed(struct supervisor *v, const struct notice *n)
{
	bool first = !v->life.ran;

	reset_resumed(&v->reset, n->us);
	end_pause(v);
	/* As in lifecycle_event(): a stop came first. */
	if (first && v->life.rung != RUNG_NONE)
		return;
	if (first) {
		v->life.running_ns = clock_now();
		log_info("the guest runs, %.0f ms after the start (QEMU %s)",
			 (double)clock_since_start() / 1e6, v->qmp.version);
	}
	v->life.ran = true;
	disk_error_resumed(&v->disk_error);
	react_life_event(v, LIFE_EVENT_RUNS);
	react_runs_now(v);
}

void react_paused(struct supervisor *v, const struct notice *n)
{
	bool asked = v->life.phase == LIFE_STOPPING && rung_is_gentle(v->life.rung) &&
		     !lifecycle_any(&v->life, COND_ANY_SAVE);

	(void)n;
	disk_error_paused(&v->disk_error);
	snapshot_paused(&v->snapshot);
	if (v->life.phase == LIFE_RUNNING) {
		react_life_event(v, LIFE_EVENT_PAUSES);
		v->paused_ns = clock_now();
		env_timer(&v->env, TIMER_PAUSED, v->paused_ns + PAUSE_LOGGED_NS);
		readiness_paused(&v->readiness);
	} else if (asked && v->env.plan->s.gdb && !lifecycle_is(&v->life, COND_DISK_ERROR)) {
		log_warning("the debugger has stopped the guest, so it cannot shut down and is cut "
			    "off");
		log_line(LOG_WARNING, "  fix: ", "detach the debugger before vm stop");
		stop_event(&v->stop, LADDER_NOW);
	}
}

void react_shutdown(struct supervisor *v, const struct notice *n)
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

	if (v->life.cause != CAUSE_NONE) /* the cause is known; this event is that of our `quit` */
		return;
	if (reset_caught(&v->reset, reason))
		return;
	v->life.cause = CAUSE_OTHER;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(reason, rows[i].reason) == 0) {
			v->life.cause = rows[i].cause;
			text = rows[i].text;
		}
	/* A paused guest cannot power off: QEMU >= 10 gives gdb's kill that reason. */
	if (v->life.cause == CAUSE_GUEST_OFF && v->life.phase == LIFE_PAUSED) {
		v->life.cause = CAUSE_DEBUGGER;
		text = "QEMU was told to end";
	}
	if (v->life.cause == CAUSE_GUEST_RESET && v->env.plan->boot.restarts)
		text = "the guest rebooted";
	bool fatal = v->life.cause == CAUSE_GUEST_RESET && reset_was_fatal(&v->reset);

	relay_flush(v->env.relays[RELAY_SERIAL]); /* the guest's last output is on its way */
	if (v->life.cause == CAUSE_GUEST_OFF && v->life.rung == RUNG_NONE &&
	    panic_check_recent(&v->panic)) {
		lifecycle_judge(&v->life, VERDICT_PANIC);
		react_say_panic(v, "it printed the panic and powered the machine off", "off");
	}
	panic_check_drop(&v->panic);
	react_life_event(v, LIFE_EVENT_ENDS);
	if (!lifecycle_panicked(&v->life))
		log_info("%s", text);
	event("shutdown", J_TEXT("reason", text == reason ? "other" : reason));
	if (!fatal)
		reset_end(&v->reset);
}

void react_powerdown(struct supervisor *v, const struct notice *n)
{
	(void)v, (void)n;
	log_info("the power button was pressed");
}

void react_machine_reset(struct supervisor *v, const struct notice *n)
{
	reset_on_event(&v->reset, n->on, n->us);
}

void react_pvpanic(struct supervisor *v, const struct notice *n)
{
	(void)n;
	panic_check_device(&v->panic);
}

void react_disk_error(struct supervisor *v, const struct notice *n)
{
	disk_error_event(&v->disk_error, n->doc, n->json);
}

void react_migration(struct supervisor *v, const struct notice *n)
{
	restore_event(&v->restore, n->doc, n->json);
	savestate_event(&v->save, n->doc, n->json);
}

void react_job(struct supervisor *v, const struct notice *n)
{
	snapshot_on_job(&v->snapshot, n->doc, n->json);
}
