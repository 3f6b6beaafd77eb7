/* sample.h - one sample of the boot profiler: a QEMU from its exec to the phase that is
 * waited for, or to whatever comes first.
 *
 * The caller polls (poll(2)) and hands over what happened with the time at which it woke up;
 * nothing here waits, but for the end of a QEMU that has been killed.
 */
#ifndef VM_PROFILE_SAMPLE_H
#define VM_PROFILE_SAMPLE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "format/boot_phases.h"
#include "plan/plan.h"
#include "profile/profiler.h"
#include "profile/report.h"
#include "qemu/qmp.h"

/* What ends a sample well. */
enum until { UNTIL_RUNNING, UNTIL_MARKER, UNTIL_ANY_READY, UNTIL_SSH, UNTIL_HTTP };

struct goal {
	enum until until;
	const char *marker; /* of UNTIL_MARKER */
	const struct markers *markers;
	const struct pattern_program *patterns; /* their expressions */
	uint64_t timeout_ns;
};

struct boot;

/* Start a sample of CELL with the settings in ENVP under GOAL, its console log in DIR/LOG. PORT is
 * the forward that an ssh or http goal is looked for behind. All are used until boot_finish().
 * NULL: ERR says why not, and that is a sample's result as well. */
struct boot *boot_start(size_t cell, struct environment *env, const struct goal *goal,
			const char *dir, const char *log, uint16_t port, struct error *err);

/* What is to be polled for: up to BOOT_FDS, and not longer than to *UNTIL_NS (lowered). */
#define BOOT_FDS 4
size_t boot_poll(const struct boot *b, struct pollfd fds[BOOT_FDS], uint64_t *until_ns);

/* FDS came back from poll at NOW (CLOCK_MONOTONIC). Returns whether the sample is over. */
bool boot_events(struct boot *b, const struct pollfd *fds, size_t n, uint64_t now);

/* End QEMU, and B with it. Unless R is NULL its sample is added there (false: no memory). */
bool boot_finish(struct boot *b, struct report *r, long round, bool warm_up);

size_t boot_cell(const struct boot *b);

/* Take back what planning PLAN has opened. */
void plan_release(struct plan *plan);

#endif
