/* boot_phases.h - what the guest says on its serial line: which phase of its life it is in.
 *
 * The markers of its profile, or the user's (VM_MARKERS), are looked for in the stream as it comes
 * (format/markers.h). Each counts once from one start of the guest to the next, with the time its
 * last byte came; those that tell of an end (panic, down) are told each time, because the first may
 * have been somebody's `dmesg`.
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
	uint64_t first_byte_ns, last_byte_ns; /* CLOCK_MONOTONIC; 0: nothing came */
	uint64_t seen_ns[MARKERS_MAX];
	uint8_t order[MARKERS_MAX]; /* those seen, in their order */
	size_t seen;
	bool mid_line; /* the last byte was no line end: a prompt, perhaps */
	int current;   /* the last progress or ready marker; -1: none yet */
};

/* Marker M has come at NOW. */
typedef void phase_reached(const struct marker *m, uint64_t now, void *arg);

/* M, which must stay, and their expressions. False: ERR (EXIT_INTERNAL). */
bool phases_init(struct phases *p, const struct markers *m, const struct pattern_program *program,
		 struct error *err);
/* The guest starts again. */
void phases_restart(struct phases *p);

/* N bytes at BUF came at NOW. */
void phases_feed(struct phases *p, const uint8_t *buf, size_t n, uint64_t now,
		 phase_reached *reached, void *arg);

/* Has a marker of this NAME come since the guest started? */
bool phases_have(const struct phases *p, const char *name);

/* The phase's name with its length for %.*s, "start" before the first one. */
#define PHASE_TEXT(p)                                                                              \
	((p)->current < 0 ? 5 : (int)(p)->markers->list[(p)->current].name_len),                   \
		((p)->current < 0 ? "start" : (p)->markers->list[(p)->current].name)

#endif
