/* report.h - the results of a run of the boot profiler: the data model, and its output as JSON,
 * text, CSV and pictures.
 *
 * Only the samples are stored; all other figures are computed from them, so that a report read from
 * its JSON (docs/profile.md has the schema) produces the same documents again. No I/O.
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
#define REPORT_VERSION 2 /* 1, without parts and provenance, is read, too */

#define REPORT_CELLS   256
#define REPORT_PARTS   256
#define REPORT_SAMPLES 4096
/* Maximum number of phases of a cell: every marker, and those before the first one. */
#define REPORT_PHASES (MARKERS_MAX + 3)

/* The dimensions of the matrix. */
enum axis {
	AXIS_CPUS,
	AXIS_CPU_MODEL,
	AXIS_RAM,
	AXIS_ACCEL,
	AXIS_MACHINE,
	AXIS_BUS,
	AXIS_BOOT,
	AXIS_ARCH,
	AXIS_CACHE,
	AXIS_AIO,
	AXIS_THREADS,	/* of TCG: single, multi, auto; "" under KVM */
	AXIS_IOTHREADS, /* 1: the disk has its own I/O thread */
	AXIS_TOPOLOGY,	/* of the processors of AXIS_CPUS, with which it is given */
	AXES
};
#define AXIS_VALUE 64

/* The axis's name in JSON and CSV: "cpus", "cpu_model", ... */
const char *axis_name(enum axis a);

enum sample_status {
	SAMPLE_OK,
	SAMPLE_TIMEOUT, /* the phase was not reached in time */
	SAMPLE_PANIC,	/* a panic marker matched first */
	SAMPLE_FAILED,	/* a failure marker matched first */
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
	char overlay[128];   /* the overlay with the guest's writes, which has been removed */
	double total_ms;     /* from the exec of QEMU to the end of the sample */
	double cpu_ms;	     /* processor time of QEMU, user and system */
	double peak_kib;     /* its largest resident memory */
	double bytes;	     /* number of bytes received on the serial line */
	double instructions; /* executed by QEMU's threads on the host; NAN: not countable */
	double exits;	     /* from the guest to KVM; NAN: no KVM, or not reported */
	double load;	     /* the host's one-minute load average before the sample */
	double others;	     /* processors that the host used for other work meanwhile */
	double waited_ms;    /* time for which QEMU's threads were ready but had no processor; NAN:
				unknown */
	size_t part;	     /* index into the report's parts */
	double pinned;	     /* number of virtual processors that were pinned */
	char hints[200];     /* names of the hint markers that matched, "a,b" */
	size_t phases;
	struct sample_phase *phase;
};

struct cell {
	char key[160]; /* "cpu_1"; further axes with several values follow */
	char value[AXES][AXIS_VALUE];
	double estimated_ms; /* from the baseline; NAN: none */
};

/* The delay of timestamps, measured before the run. */
struct resolution {
	double rounds, median_us, p99_us, max_us;
};

/* The machine that a part of a report was measured on; "" and NAN: unknown. */
struct host_facts {
	char name[65], boot_id[40], cpu[96], microcode[24], governor[24], kernel[96];
	double cpus,
		allowed;  /* number of processors: of the machine, and available to this process */
	double cpu_limit; /* limit of the cgroup, in processors; NAN: none, as the next but one */
	double memory_mib, memory_limit_mib;
};

/* The part of a report that one process measured: a whole run, a shard, or the missing rest of
 * either. */
struct part {
	char id[17]; /* random and unique among the parts */
	char created[32];
	char accelerator[256]; /* reason for its choice */
	long shard;	       /* from 1 */
	struct host_facts host;
	struct resolution resolution;
};

/* A system that was installed from a CD-ROM on a cell's disk (--install). */
struct install {
	size_t cell, part;
	double total_ms;  /* from the start of vm script to its end */
	char started[32]; /* UTC, RFC 3339 */
};

/* A setting whose value is not the default. */
struct report_setting {
	char *name, *value;
};

/* A file that the guest boots or reads, other than its image and kernel: these are here only if
 * they differ between architectures. */
#define REPORT_FILES 48
struct report_file {
	char setting[32], sha256[65];
};

struct report {
	char created[32], program[64], guest[32], image[512], until[64], qemu[64], baseline[512];
	char commit[64], qemu_version[64], image_sha256[65], kernel_sha256[65];
	char install_sha256[65]; /* of the script of --install; "": no installation */
	char install_size[32];	 /* of the disks, as given */
	char guest_line[160];	 /* the line in which the guest prints its version */
	char accelerator[256];	 /* reason for its choice */
	long samples, warm_up, timeout_s, jobs;
	size_t planned;	    /* samples of the whole run, including warm-ups */
	bool partial;	    /* some are missing */
	long shard, shards; /* SHARD (0: several were joined) of SHARDS (1: not sharded) */
	bool by_cells;	    /* shards contain whole cells instead of some samples of each */
	bool pin;	    /* pinning of virtual processors was requested */
	bool paper;	    /* members have the names of the MINIX papers */
	bool quick;    /* skip slow computations, because many reports are written during a run */
	uint64_t seed; /* of the bootstrap */
	struct resolution resolution;
	size_t settings;
	struct report_setting *setting;
	bool files_known; /* not in reports of older programs */
	size_t files;
	struct report_file file[REPORT_FILES];
	size_t notes;
	char **note; /* sentences about how the reports were joined */
	size_t parts;
	struct part part[REPORT_PARTS];
	size_t cells;
	struct cell cell[REPORT_CELLS];
	size_t installs;
	struct install *install;
	size_t count;
	struct sample *sample; /* COUNT of them */
};

/* Add a sample with PHASES phases, initialised to zero and NAN; NULL: no memory, or REPORT_SAMPLES
 * are present. */
struct sample *report_add(struct report *r, size_t phases);
/* Add a part, initialised to zero and NAN; NULL: REPORT_PARTS are present. */
struct part *report_add_part(struct report *r);
/* False: no memory. */
bool report_add_setting(struct report *r, const char *name, const char *value);
/* Add it, unless R has one of this cell and part. */
bool report_add_install(struct report *r, const struct install *i);
bool report_add_note(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void report_free(struct report *r);

/* The hosts of R's parts: HOST receives the host number of each part, from 0. Returns the number of
 * hosts. Hosts are identified by boot ID, or by name, processor and kernel. */
size_t report_hosts(const struct report *r, size_t host[REPORT_PARTS]);

bool report_same_host(const struct host_facts *a, const struct host_facts *b);

/* Find the reasons why samples of A and B cannot be in one report: each difference is a line added
 * to WHY. MATRIX: does one of them concern the matrix itself? */
bool report_compatible(const struct report *a, const struct report *b, struct text *why,
		       bool *matrix);

/* The part of it for their files; those of a report of an older program are unknown. */
void report_compare_files(const struct report *a, const struct report *b, struct text *why);

/* The number of samples, with warm-ups, in shard SHARD of R's matrix; and whether ROUND of CELL is
 * one of them. */
size_t report_shard_planned(const struct report *r, long shard);
bool report_in_shard(const struct report *r, long shard, size_t cell, long round, bool warm_up);

/* ---- report_installs.c ---- */

struct json;
/* Write and read JSON; false: it is incomplete. */
void report_installs_json(const struct report *r, struct text *t);
bool report_installs_read(const struct json *doc, struct report *r);
/* Their durations, a line for each cell that has any. */
void report_installs_text(const struct report *r, struct text *t);

/* ---- report_files.c ---- */

/* Add the file of SETTING; "" if it is none. A setting with {arch} in its value has a file for each
 * architecture: "QEMU_INITRD arm". */
void report_add_file(struct report *r, const char *setting, const char *sha256);
/* The sum of SETTING's file; "": there is none. */
const char *report_file_sha256(const struct report *r, const char *setting);
/* Write and read JSON, an object of setting: sum. */
void report_files_json(const struct report *r, struct text *t);
bool report_files_read(const struct json *doc, struct report *r);

/* ---- report_merge.c ---- */

struct merge_input {
	const struct report *report;
	const char *name; /* used in errors */
};

/* The origin of a sample of a joined report. */
struct merge_origin {
	const char *dir, *log; /* the input's NAME, and the sample's log there */
};

/* Join the N reports at IN, which are sorted, into OUT, which must be zeroed; the order of the
 * input does not affect OUT. ORIGIN receives an entry for each sample of OUT. Missing, incomplete
 * and duplicate samples become notes. Differences between the reports are an error
 * (EXIT_BAD_IMAGE); FORCE turns it into a note, unless the matrices differ. */
bool report_merge(struct merge_input *in, size_t n, bool force, struct report *out,
		  struct merge_origin origin[REPORT_SAMPLES], struct error *err);

/* ---- statistics ---- */

struct phase_figures {
	const char *name;
	struct summary at;    /* its begin */
	struct summary takes; /* its duration, to the next phase or the sample's end */
};

struct cell_figures {
	size_t failed;	      /* samples that are not OK */
	struct summary total; /* of those that are OK; both exclude warm-ups */
	struct summary cpu, peak, instructions, exits;
	size_t phases;
	struct phase_figures phase[REPORT_PHASES]; /* sorted by mean begin */
};

/* False: no memory. */
bool report_figures(const struct report *r, size_t cell, struct cell_figures *out);

/* For all cells; release with free(3). NULL: no memory. */
struct cell_figures *report_all_figures(const struct report *r);

/* A readable name of CELL, from the axes in which R's cells differ: "2 CPUs, i386, cache unsafe".
 * Into BUF; returns BUF. */
#define LABEL_MAX 200
const char *report_label(const struct report *r, size_t cell, char buf[LABEL_MAX]);
/* The same without the processors, for a line over them; NULL: nothing else differs. */
const char *report_group_label(const struct report *r, size_t cell, char buf[LABEL_MAX]);
/* Characters of the longest label. */
double report_label_width(const struct report *r);
/* Were sockets, cores or threads given for CELL? In a picture over the number of processors it is a
 * point beside the line of the others. */
bool report_has_topology(const struct report *r, size_t cell);

/* The reference cell for CELL's speed-up: one processor and everything else equal. -1: none. */
int report_reference_cell(const struct report *r, size_t cell);
/* The number of CELL's processors. */
long report_cpus(const struct report *r, size_t cell);

/* The totals of CELL's valid samples, into X (of R->count numbers), unsorted; their parts into PART
 * unless NULL. Returns their number. */
size_t report_totals(const struct report *r, size_t cell, double *x, size_t *part);

/* ---- report_judge.c ---- */

/* The 95 % interval of the mean of CELL's totals: by bootstrap (BCa) from INTERVAL_BOOTSTRAP
 * samples on, otherwise on the logarithmic scale, which for few samples is too wide rather than too
 * narrow. */
#define INTERVAL_BOOTSTRAP 10
struct interval {
	double low, high;
	double bca_low, bca_high; /* NAN: R is quick, or too few samples */
	const char *method;	  /* "BCa", "log t", "" */
};
void report_interval(const struct report *r, size_t cell, const struct summary *s,
		     struct interval *out);

/* Compare measured with estimated: percent of the estimate, and the papers' term: VERIFIED below
 * 10, PLAUSIBLE to 20, NEEDS_VALIDATION above. */
double report_error_percent(double measured, double estimated);
const char *report_verdict(double error_percent);

/* The same for the whole interval. */
#define JUDGE_SAMPLES_MAX 100000
struct judgement {
	double error, low, high; /* percent; of the mean, and minimum and maximum in the interval */
	const char *word;	 /* UNDECIDED if the interval contains more than one */
	size_t more; /* for UNDECIDED: number of further samples needed, estimated from the
			variance; 0: unknown */
};
void report_judge(const struct summary *s, const struct interval *i, double estimated,
		  struct judgement *out);
/* Write "12 more samples needed" to BUF. Returns BUF. */
const char *report_judgement(const struct judgement *j, char buf[80]);

/* T(1)/T(n) of CELL with its interval; NAN without a cell of one processor. */
struct estimate report_speedup_of(const struct report *r, size_t cell);

/* ---- report_factors.c ---- */

/* The sources of the totals' variance, on the logarithmic scale, so that cells with long and with
 * short boots have equal weight. Shares of the whole; NAN: undetermined. */
struct variance {
	double cell, host, round; /* 0 to 1 */
	struct factor hosts;	  /* with the cells' means removed; P is NAN if not testable */
	struct factor rounds;
	size_t host_count;
};
bool report_variance(const struct report *r, struct variance *out);

/* ---- report_findings.c ---- */

/* The findings of R, a sentence per line. */
void report_findings(const struct report *r, struct text *t);

/* ---- report_hosts.c ---- */

/* The totals of a cell on one host, whose first part is PART. */
struct host_figures {
	size_t part;
	struct summary total;
};
/* The totals of each host of CELL's samples, into OUT (of R->parts). Returns the number of hosts.
 */
size_t report_host_figures(const struct report *r, size_t cell, struct host_figures *out);
/* The name of PART's host. */
const char *report_host_name(const struct report *r, size_t part);
/* Write ", over 2 hosts" if R has several, else "", to BUF. Returns BUF. */
#define OVER_HOSTS_MAX 40
const char *report_over_hosts(const struct report *r, char buf[OVER_HOSTS_MAX]);
/* CELL's figures for each host as JSON; and a table of them, if there are several hosts. */
void report_hosts_json(const struct report *r, size_t cell, struct text *t);
void report_by_host(const struct report *r, struct text *t);

/* ---- documents; each is appended to T ---- */

void report_json(const struct report *r, struct text *t);
void report_csv(const struct report *r, struct text *t);
void report_text(const struct report *r, struct text *t);
/* For each cell, the mean durations of the phases as a stacked bar. */
void report_timeline(const struct report *r, struct text *t);
/* The totals of every cell: quartiles, whiskers, outliers, each sample. */
void report_boxes(const struct report *r, struct text *t);
/* T(1)/T(n) over n, with the ideal; nothing is added if no cell has a reference. */
bool report_speedup(const struct report *r, struct text *t);
/* The same three as pgfplots pictures for \input, without a preamble (report_tex.c). */
void report_timeline_tex(const struct report *r, struct text *t);
void report_boxes_tex(const struct report *r, struct text *t);
bool report_speedup_tex(const struct report *r, struct text *t);
/* The same three as one Vega-Lite specification (report_vega.c). */
void report_vega(const struct report *r, struct text *t);
/* Table and findings as Markdown (report_markdown.c). */
void report_markdown(const struct report *r, struct text *t);
/* The times at which the boot reached its milestones, as in Alpine's boot analysis; nothing is
 * added if no cell has any (report_milestones.c). */
bool report_milestones(const struct report *r, struct text *t);
/* The totals of A and B, cell by cell. Returns the number of common cells. */
size_t report_compare_svg(const struct report *a, const struct report *b, struct text *t);
/* The cell of R that corresponds to C by its values, and by its name if several do; -1: none. */
int report_cell_like(const struct report *r, const struct cell *c);
/* B compared with A, cell by cell. Returns the number of common cells. */
size_t report_compare(const struct report *a, const struct report *b, struct text *t);
/* The same as JSON. */
size_t report_compare_json(const struct report *a, const struct report *b, struct text *t);

/* Read the N bytes at BUF, which are modified; BUF[N] must be writable. OUT must be zeroed. False:
 * ERR (EXIT_BAD_IMAGE) has the reason; OUT must be freed nevertheless. */
bool report_read(char *buf, size_t n, struct report *out, struct error *err);

/* Set the estimates from the N bytes at BUF, which are modified in the same way: another report, or
 * an object with members that are a cell's key with milliseconds, or with an object that has
 * estimated_ms or statistics.mean_ms. False: ERR has the reason, or no cell of R is in it. */
bool report_baseline(struct report *r, char *buf, size_t n, struct error *err);

/* Width in columns of the longest cell name, or of the word `cell`. */
int report_key_width(const struct report *r);

#endif
