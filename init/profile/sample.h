/* sample.h - one sample of the boot profiler: a QEMU from its exec to the phase that is waited for,
 * or until it fails.
 *
 * The caller polls (poll(2)) and passes the events with the time of its wake-up; nothing here
 * blocks, except waiting for the end of a QEMU that has been killed.
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

/* Conditions that end a sample successfully. */
enum until { UNTIL_RUNNING, UNTIL_MARKER, UNTIL_ANY_READY, UNTIL_SSH, UNTIL_HTTP };

struct goal {
	enum until until;
	const char *marker; /* of UNTIL_MARKER */
	const struct markers *markers;
	const struct pattern_program *patterns; /* their expressions */
	uint64_t timeout_ns;
	bool pin; /* before the guest runs */
};

struct boot;

/* Start a sample of CELL with the settings in ENVP under GOAL, with its console log in DIR/LOG.
 * PORT is the forward that an ssh or http goal checks. All arguments must stay valid until
 * boot_finish(). NULL: ERR has the reason, which is recorded as the sample's result. */
struct boot *boot_start(size_t cell, struct environment *env, const struct goal *goal,
			const char *dir, const char *log, uint16_t port, struct error *err);

/* Fill in up to BOOT_FDS descriptors to poll; *UNTIL_NS is lowered to the next deadline. */
#define BOOT_FDS 4
size_t boot_poll(const struct boot *b, struct pollfd fds[BOOT_FDS], uint64_t *until_ns);

/* Handle the result of poll for FDS at NOW (CLOCK_MONOTONIC). Returns whether the sample is over.
 */
bool boot_events(struct boot *b, const struct pollfd *fds, size_t n, uint64_t now);

/* End QEMU, and B with it. Unless R is NULL the sample, that of SLOT, is added to R's last part.
 * False: ERR, because its console log is incomplete or there is no memory. */
bool boot_finish(struct boot *b, struct report *r, const struct slot *slot, struct error *err);

/* Release the resources that planning PLAN has opened. */
void plan_release(struct plan *plan);

#endif
