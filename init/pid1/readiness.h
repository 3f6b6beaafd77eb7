/* readiness.h - when the guest is ready (VM_READY), and its deadline VM_BOOT_TIMEOUT; the warning
 * about a silent serial line. */
#ifndef VM_PID1_READINESS_H
#define VM_PID1_READINESS_H

#include <stdint.h>

#include "pid1/port_probe.h"

struct env;
struct marker;

struct readiness {
	const struct env *env;
	struct port_probes *probes;
	uint64_t boot_left_ns; /* of VM_BOOT_TIMEOUT, while a debugger has stopped the guest */
};

void readiness_init(struct readiness *r, const struct env *env, struct port_probes *probes);

/* The guest runs now, for the first time or after a pause. NOTICE_READY may come at once. */
void readiness_runs(struct readiness *r);
/* The guest was paused. Time in a debugger does not count for VM_BOOT_TIMEOUT. */
void readiness_paused(struct readiness *r);
/* It starts again from its reset vector, or a snapshot was loaded: nothing happens until
 * readiness_runs(). */
void readiness_reset(struct readiness *r);
/* A login prompt or a marker of kind ready has come: check it against VM_READY. */
void readiness_marker(struct readiness *r, const struct marker *m);
/* The guest has answered the probe WHICH. */
void readiness_answered(struct readiness *r, enum probe_id which);
/* The guest is ready: turn off the deadline. */
void readiness_reached(struct readiness *r);

/* TIMER_BOOT: NOTICE_LATE is posted. TIMER_SILENCE. */
void readiness_boot_timer(struct readiness *r);
void readiness_silence_timer(struct readiness *r);

/* readiness_name(): the value of VM_READY. readiness_text(): the condition in words, as in "login
 * prompt on the serial console". */
const char *readiness_name(const struct env *env);
const char *readiness_text(const struct env *env);
/* Whether M is the marker of a login prompt. */
bool readiness_is_login(const struct marker *m);

#endif
