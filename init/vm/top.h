/* top.h - the parts of vm top: the guest's data (top_data.c), the last lines of its console
 * (top_tail.c), and a picture of both as lines of text (top_draw.c). */
#ifndef VM_VM_TOP_H
#define VM_VM_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "format/console_text.h"

/* ---- the console ------------------------------------------------------------------------- */

#define TOP_LINES 128 /* a power of two */
#define TOP_LINE  400

/* All zero: empty. The last line is the one being written. */
struct top_tail {
	struct console_text strip;
	bool returned; /* a CR arrived, and the next byte is not known yet */
	size_t count;  /* total number of completed lines */
	size_t len[TOP_LINES];
	char text[TOP_LINES][TOP_LINE];
};

/* Add N bytes of console output, which are modified. */
void top_tail_feed(struct top_tail *t, uint8_t *buf, size_t n);
/* The line BACK lines above the last; NULL: there is none, or it was dropped. */
const char *top_tail_line(const struct top_tail *t, size_t back, size_t *len);

/* ---- the guest --------------------------------------------------------------------------- */

#define TOP_PHASES 48

struct top_phase {
	char name[40];
	double ms; /* since QEMU's start */
};

struct top {
	char state[24], why[256], guest[64], disk[512], qemu[64], accelerator[16], boot[160];
	char network[200];
	bool ready;
	pid_t pid; /* of QEMU; 0: unknown */
	long long ram_mb, cpus, clients, console_bytes;
	double up_ms, ready_ms; /* 0: not yet */
	size_t phase_count;
	struct top_phase phases[TOP_PHASES];
	double cpu_percent;		 /* of one processor; < 0: unknown */
	long long rss_bytes, disk_bytes; /* -1: unknown */
};

/* Parse PID 1's answer to `status --json`, N bytes at TEXT, which are modified and must be followed
 * by a writable byte. False: it is invalid. */
bool top_read_status(struct top *t, char *text, size_t n);

/* QEMU's processor usage between two samples; before the second one, since its start. */
struct top_sample {
	pid_t pid;
	uint64_t at_ns, used_ns;
};
void top_measure(struct top *t, struct top_sample *last);

/* ---- the picture -------------------------------------------------------------------------- */

/* Draw at most ROWS lines of at most COLUMNS columns into BUF, separated by '\n'. Returns the
 * length. Text from other sources is escaped. */
size_t top_draw(const struct top *t, const struct top_tail *tail, int rows, int columns,
		bool colour, char *buf, size_t size);

/* Enough for the largest terminal size that is used. */
enum { TOP_ROWS_MAX = 200, TOP_COLUMNS_MAX = 300, TOP_FRAME = TOP_ROWS_MAX * TOP_COLUMNS_MAX * 5 };

#endif
