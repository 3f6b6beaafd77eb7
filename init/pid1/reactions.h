/* reactions.h - the reaction to each notice: the only place that knows how the rooms of PID 1 act
 * together. */
#ifndef VM_PID1_REACTIONS_H
#define VM_PID1_REACTIONS_H

#include "pid1/supervisor.h"

/* Initialise V and all rooms for the first QEMU. Notices of the rooms come to react(). */
void reactions_init(struct supervisor *v, struct plan *plan);
void react(const struct notice *n, void *supervisor);

/* TIMER_DIRECT, TIMER_PAUSED, TIMER_SCREEN. */
void react_direct_timer(struct supervisor *v);
void react_pause_timer(struct supervisor *v);
void react_screen_timer(struct supervisor *v);
void react_run_timer(struct supervisor *v);

/* ---- of the table ------------------------------------------------------------------------ */

/* The reaction to one kind of notice. */
typedef void reaction(struct supervisor *v, const struct notice *n);

/* react_guest.c */
void react_say_panic(struct supervisor *v, const char *why, const char *action);
reaction react_boot_again, react_checked, react_condition, react_fatal_reset, react_gave_up,
	react_halted, react_kept, react_late, react_panic, react_port_answered, react_ready,
	react_restarted, react_serial, react_snapshot_loaded, react_problem, react_verdict;

/* react_qmp.c */
reaction react_disk_error, react_disk_kept, react_job, react_machine_reset, react_migration,
	react_paused, react_powerdown, react_pvpanic, react_qmp_lost, react_qmp_ready,
	react_resumed, react_shutdown, react_state_resumed;

/* WHAT has happened to the guest. react_runs(): it runs now, at first or again. */
void react_life_event(struct supervisor *v, enum life_event what);
void react_runs_now(struct supervisor *v);

#endif
