/* start_failure.h - a QEMU that does not start, does not answer, or dies: the cause and the fix. */
#ifndef VM_PID1_START_FAILURE_H
#define VM_PID1_START_FAILURE_H

struct env;

/* QEMU was started: set the deadline for its greeting. */
void start_failure_await_greeting(const struct env *env);
/* start_failure_timer(): TIMER_GREETING has expired. start_failure_qmp_lost(): QMP has ended, and
 * without it a guest that has not run cannot be started. Both may post NOTICE_GAVE_UP. */
void start_failure_timer(const struct env *env);
void start_failure_qmp_lost(const struct env *env);
/* QEMU ended by itself; WORDS is its last output. Log the cause and the fix. Returns the exit
 * status. */
int start_failure_report(const struct env *env, const char *words);

#endif
