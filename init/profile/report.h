/* report.h - what a run of the boot profiler found: the model, and its JSON, text, CSV and
 * pictures.
 *
 * The samples are the only data that is kept; every figure comes from them, so that a report read
 * back from its JSON (docs/profile.md has the schema) makes the same documents again. No I/O.
 */
#ifndef VM_PROFILE_REPORT_H
#define VM_PROFILE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/markers.h"
#include "format/text.h"
#include "profile/stats.h"

#define REPORT_SCHEMA  "vm-profile"
#define REPORT_VERSION 1

#define REPORT_CELLS   256
#define REPORT_SAMPLES 4096
/* A cell's phases: every marker, and what comes before the first one. */
#define REPORT_PHASES (MARKERS_MAX + 3)

/* What the cells of the matrix differ in. */
enum axis {
	AXIS_CPUS,
	AXIS_CPU_MODEL,
	AXIS_RAM,
	AXIS_ACCEL,
	AXIS_MACHINE,
	AXIS_BUS,
	AXIS_BOOT,
	AXES
};
#define AXIS_VALUE 64

/* The axis's name in JSON and CSV: "cpus", "cpu_model", ... */
const char *axis_name(enum axis a);

enum sample_status {
	SAMPLE_OK,
	SAMPLE_TIMEOUT, /* the phase was not reached in time */
	SAMPLE_PANIC,	/* a panic marker came first */
	SAMPLE_FAILED,	/* a failure marker came first */
	SAMPLE_ENDED,	/* the guest shut down or reset first */
	SAMPLE_ERROR,	/* QEMU did not start, or died */
};

const char *sample_status_name(enum sample_status s);

/* When a phase began, in ms since the exec of QEMU. */
struct sample_phase {
	char name[MARKER_NAME_MAX + 1];
	double at_ms;
};

struct sample {
	size_t cell;
	long round; /* from 1; a warm-up counts from 1 as well */
	bool warm_up;
	enum sample_status status;
	char why[200];	     /* one line, unless OK */
	char started[32];    /* UTC, RFC 3339 */
	char log[128];	     /* the raw console log, beside the report */
	char overlay[128];   /* the disk that took the guest's writes; it is gone */
	double total_ms;     /* from the exec of QEMU to the end of the sample */
	double cpu_ms;	     /* processor time of QEMU, user and system */
	double peak_kib;     /* its largest resident memory */
	double bytes;	     /* that came on the serial line */
	double instructions; /* of the host's processors, by QEMU's threads; NAN: cannot be counted
			      */
	double exits;	     /* from the guest to KVM; NAN: no KVM, or not told */
	size_t phases;
	struct sample_phase *phase;
};

struct cell {
	char key[160]; /* "cpu_1"; further axes that differ follow */
	char value[AXES][AXIS_VALUE];
	double estimated_ms; /* of the baseline; NAN: none */
};

/* How late a byte's time is, measured before the run. */
struct resolution {
	double rounds, median_us, p99_us, max_us;
};

struct report {
	char created[32], program[64], guest[32], image[512], until[64], qemu[64], baseline[512];
	char accelerator[256]; /* why this one */
	long samples, warm_up, timeout_s, jobs;
	size_t planned; /* samples of the whole run, with the warm-ups */
	bool partial;	/* not all of them are here */
	struct resolution resolution;
	size_t cells;
	struct cell cell[REPORT_CELLS];
	size_t count;
	struct sample *sample; /* COUNT of them */
};

/* Room for one more sample with PHASES phases, zeroed but for what NAN says; NULL: no memory, or
 * REPORT_SAMPLES are there. */
struct sample *report_add(struct report *r, size_t phases);
void report_free(struct report *r);

/* ---- figures ---- */

struct phase_figures {
	const char *name;
	struct summary at;    /* when it began */
	struct summary takes; /* until the next one of its sample, or the sample's end */
};

struct cell_figures {
	size_t failed;	      /* samples that are not OK */
	struct summary total; /* of those that are OK; warm-ups are in neither */
	struct summary cpu, peak, instructions, exits;
	size_t phases;
	struct phase_figures phase[REPORT_PHASES]; /* in the order of their mean beginnings */
};

/* False: no memory. */
bool report_figures(const struct report *r, size_t cell, struct cell_figures *out);

/* The cell that CELL's speed-up is told against: the one with one processor and all else alike.
 * -1: none. */
int report_single(const struct report *r, size_t cell);
/* The number of CELL's processors. */
long report_cpus(const struct report *r, size_t cell);

/* Measured against estimated: percent of the estimate, and the papers' word for it: VERIFIED below
 * 10, PLAUSIBLE to 20, NEEDS_VALIDATION above. */
double report_error_percent(double measured, double estimated);
const char *report_verdict(double error_percent);

/* ---- documents; each is added to T ---- */

void report_json(const struct report *r, struct text *t);
void report_csv(const struct report *r, struct text *t);
void report_text(const struct report *r, struct text *t);
/* Cell by cell, the phases' mean durations end to end. */
void report_timeline(const struct report *r, struct text *t);
/* The totals of every cell: quartiles, fences' reach, outliers, each sample. */
void report_boxes(const struct report *r, struct text *t);
/* T(1)/T(n) over n, with the ideal; nothing is added where no cell has a single to compare with. */
bool report_speedup(const struct report *r, struct text *t);
/* B against A, cell by cell. Returns how many cells both have. */
size_t report_compare(const struct report *a, const struct report *b, struct text *t);
/* The same as JSON. */
size_t report_compare_json(const struct report *a, const struct report *b, struct text *t);

/* Read the N bytes at BUF, which are changed; BUF[N] must be writable. OUT must be zeroed. False:
 * ERR (EXIT_BAD_IMAGE) says what is wrong, OUT is to be freed all the same. */
bool report_read(char *buf, size_t n, struct report *out, struct error *err);

/* Set the estimates from the N bytes at BUF, changed in the same way: another report, or an object
 * whose members are a cell's key with milliseconds, or with an object that has estimated_ms or
 * statistics.mean_ms. False: ERR says what is wrong, or that no cell of R is in it. */
bool report_baseline(struct report *r, char *buf, size_t n, struct error *err);

#endif
