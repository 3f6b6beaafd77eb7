/* reactions.c - see reactions.h: the table, and the initial state of the rooms. */
#include "pid1/reactions.h"

#include "base/log.h"
#include "pid1/waiters.h"

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
	react_life_event(v, LIFE_EVENT_STOPS);
}

static void on_rung_ends(struct supervisor *v, const struct notice *n)
{
	stop_event(&v->stop, (enum ladder_event)n->value);
}

static void on_reset_wanted(struct supervisor *v, const struct notice *n)
{
	(void)reset_press(&v->reset, n->on ? THEN_RUNS : THEN_PAUSED);
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
		[NOTICE_QMP_READY] = react_qmp_ready,
		[NOTICE_QMP_LOST] = react_qmp_lost,
		[NOTICE_RESUMED] = react_resumed,
		[NOTICE_PAUSED] = react_paused,
		[NOTICE_SHUTDOWN] = react_shutdown,
		[NOTICE_POWERDOWN] = react_powerdown,
		[NOTICE_MACHINE_RESET] = react_machine_reset,
		[NOTICE_PVPANIC] = react_pvpanic,
		[NOTICE_DISK_ERROR] = react_disk_error,
		[NOTICE_MIGRATION] = react_migration,
		[NOTICE_JOB] = react_job,
		[NOTICE_SERIAL] = react_serial,
		[NOTICE_LATE] = react_late,
		[NOTICE_READY] = react_ready,
		[NOTICE_CONDITION] = react_condition,
		[NOTICE_PROBLEM] = react_problem,
		[NOTICE_VERDICT] = react_verdict,
		[NOTICE_PANIC] = react_panic,
		[NOTICE_HALTED] = react_halted,
		[NOTICE_FATAL_RESET] = react_fatal_reset,
		[NOTICE_RESET_PRESSED] = on_reset_pressed,
		[NOTICE_RESTARTED] = react_restarted,
		[NOTICE_KEPT] = react_kept,
		[NOTICE_GAVE_UP] = react_gave_up,
		[NOTICE_PORT_ANSWERED] = react_port_answered,
		[NOTICE_CHECKED] = react_checked,
		[NOTICE_RESET_WANTED] = on_reset_wanted,
		[NOTICE_DISK_KEPT] = react_disk_kept,
		[NOTICE_BOOT_AGAIN] = react_boot_again,
		[NOTICE_SHARE_MADE] = on_share_made,
		[NOTICE_SHARE_FAILED] = on_share_failed,
		[NOTICE_RUNG] = on_rung,
		[NOTICE_RUNG_ENDS] = on_rung_ends,
		[NOTICE_STATE_RESUMED] = react_state_resumed,
		[NOTICE_WARM_ENDS] = on_warm_ends,
		[NOTICE_SNAPSHOT_LOADED] = react_snapshot_loaded,
	};

	struct supervisor *v = supervisor;

	table[n->kind](v, n);
	/* Several things make a guest well again: ready, continued, a problem solved, loaded. */
	bool well = lifecycle_well(&v->life);

	if (well && !v->well)
		waiters_ready(v);
	v->well = well;
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
	direct_watch_init(&v->direct, env);
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
	restore_init(&v->restore, env);
	screenshot_init(&v->screenshot, env);
	share_disk_init(&v->share, env);
	snapshot_init(&v->snapshot, env);
	stop_init(&v->stop, env, &v->save);
	warm_start_init(&v->warm, env, &v->save, &v->probes);
}
