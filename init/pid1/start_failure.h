/* start_failure.h - a QEMU that does not start, cannot be talked to, or dies: what it was and what
 * helps.
 */
#ifndef VM_PID1_START_FAILURE_H
#define VM_PID1_START_FAILURE_H

struct env;

/* QEMU was started: it has to answer in time. */
void start_failure_await_greeting(const struct env *env);
/* TIMER_GREETING: it has not. QMP has ended: without it a guest that has not run cannot be made to.
 * NOTICE_GAVE_UP follows from either. */
void start_failure_timer(const struct env *env);
void start_failure_qmp_lost(const struct env *env);
/* QEMU ended by itself, with these last WORDS: say why, and what helps. Returns the exit status. */
int start_failure_report(const struct env *env, const char *words);

#endif
