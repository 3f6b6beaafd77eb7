/* readiness.h - when the guest is ready (VM_READY), and whether that is in time: VM_BOOT_TIMEOUT,
 * and a serial line on which nothing comes.
 */
#ifndef VM_PID1_READINESS_H
#define VM_PID1_READINESS_H

#include <stdint.h>

#include "pid1/port_probe.h"

struct env;
struct marker;

struct readiness {
	const struct env *env;
	struct port_probes *probes;
	uint64_t boot_left_ns; /* of VM_BOOT_TIMEOUT, while a debugger holds the guest */
};

void readiness_init(struct readiness *r, const struct env *env, struct port_probes *probes);

/* The guest runs now, for the first time or after a pause: NOTICE_READY may come at once. */
void readiness_runs(struct readiness *r);
/* It has been paused. Time in a debugger is not time that its boot takes. */
void readiness_paused(struct readiness *r);
/* It starts again from its reset vector, or is another moment's: nothing is waited for until
 * readiness_runs(). */
void readiness_reset(struct readiness *r);
/* A login prompt has come, or a marker of kind ready: is it what VM_READY means? */
void readiness_marker(struct readiness *r, const struct marker *m);
/* The guest answers through the forward that WHICH probes. */
void readiness_answered(struct readiness *r, enum probe_id which);
/* It is ready: no deadline any more. */
void readiness_reached(struct readiness *r);

/* TIMER_BOOT: NOTICE_LATE is posted. TIMER_SILENCE. */
void readiness_boot_timer(struct readiness *r);
void readiness_silence_timer(struct readiness *r);

/* The value of VM_READY. What it waits for: "login prompt on the serial console". */
const char *readiness_name(const struct env *env);
const char *readiness_text(const struct env *env);
/* Is M the marker of a login prompt? */
bool readiness_is_login(const struct marker *m);

#endif
