/* companion.h - programs that run beside the guest. vm run starts each in a process of its own
 * before it execs PID 1's program; they end with PID 1.
 *
 * A companion cannot disturb the guest: PID 1 does not know about it, reaps it like any orphan, and
 * never waits for it. It runs as `vm companion NAME`, with the settings in its environment, its log
 * on standard error, and the descriptors that its row has prepared.
 */
#ifndef VM_VM_COMPANION_H
#define VM_VM_COMPANION_H

#include <stdbool.h>

#include "config/settings.h"
#include "host/child.h"

struct companion {
	const char *name;
	bool (*wanted)(const struct settings *s);
	/* Steps that may fail run here, before the guest starts. Descriptors from 3 on are added to
	 * C, which keeps them open until it runs. NULL: none. False with ERR aborts the start. */
	bool (*prepare)(const struct settings *s, struct child *c, struct error *err);
	/* The companion's main function. Returns its exit status. */
	int (*run)(const struct settings *s, char **envp);
};

/* Start all companions that S enables. False with ERR. */
bool companions_start(const struct settings *s, struct error *err);

/* One row for each companion (vm/companion_*.c). */
extern const struct companion companion_web, companion_otel;

#endif
