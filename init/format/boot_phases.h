/* boot_phases.h - the guest's boot phase, from its output on the serial line.
 *
 * The markers of its profile or of VM_MARKERS are matched against the stream (format/markers.h).
 * Each counts once per start of the guest, with the time at which its last byte arrived. Those of
 * kind panic and down are reported each time, because the first match may have been the output of
 * `dmesg`.
 */
#ifndef VM_FORMAT_BOOT_PHASES_H
#define VM_FORMAT_BOOT_PHASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/markers.h"

struct phases {
	const struct markers *markers;
	struct marker_matcher *matcher;
	uint64_t first_byte_ns, last_byte_ns; /* CLOCK_MONOTONIC; 0: no output yet */
	uint64_t seen_ns[MARKERS_MAX];
	uint8_t order[MARKERS_MAX]; /* markers seen, in order */
	size_t seen;
	bool mid_line; /* the last byte was not a line end: possibly a prompt */
	int current;   /* the last progress or ready marker; -1: none yet */
};

/* Called when marker M has matched at NOW. */
typedef void phase_reached(const struct marker *m, uint64_t now, void *arg);

/* Use the markers M, which must stay valid, and their expressions. False: ERR (EXIT_INTERNAL). */
bool phases_init(struct phases *p, const struct markers *m, const struct pattern_program *program,
		 struct error *err);
/* The guest starts again: reset. */
void phases_restart(struct phases *p);

/* Process N bytes at BUF, which arrived at NOW. */
void phases_feed(struct phases *p, const uint8_t *buf, size_t n, uint64_t now,
		 phase_reached *reached, void *arg);

/* Has a marker of this NAME matched since the guest started? */
bool phases_seen(const struct phases *p, const char *name);

/* The phase's name with its length for %.*s, "start" before the first one. */
#define PHASE_TEXT(p)                                                                              \
	((p)->current < 0 ? 5 : (int)(p)->markers->list[(p)->current].name_len),                   \
		((p)->current < 0 ? "start" : (p)->markers->list[(p)->current].name)

#endif
