/* profiler.h - vm profile: boots a matrix of machines repeatedly and measures the boot phases.
 *
 * One process runs the whole matrix: it plans each sample as `vm run` would (plan/plan.h), starts
 * QEMU on a throwaway overlay, and timestamps every byte on the serial line itself. A running guest
 * is not affected: there is no port except a forward of the sample's own, no socket, and no file
 * outside the report's directory and VM_TMP_DIR. After each sample the whole report is rewritten.
 *
 * matrix.c makes the cells, schedule.c the list of samples, describe.c describes them, sample.c
 * runs one, profiler.c runs all, and report_dir.c manages the report's directory.
 */
#ifndef VM_PROFILE_PROFILER_H
#define VM_PROFILE_PROFILER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "profile/report.h"

#define AXIS_VALUES   32
#define PROFILER_JOBS 16

struct profiler_options {
	const char *values[AXES][AXIS_VALUES]; /* as given */
	size_t counts[AXES];		       /* 0: as in the settings */
	long samples, warm_up, timeout_s, jobs;
	const char *until;    /* a marker's name, ready, login, ssh or http */
	const char *baseline; /* file, or NULL */
	const char *out;      /* directory; NULL: VM_LOG_DIR/profiles/TIME */
	const char *markers;  /* file, or NULL for VM_MARKERS or the guest's */
	const char *install;  /* script that installs each cell's disk, or NULL */
	const char *install_size;
	const char *resume; /* directory to continue, or NULL */
	long shard, shards; /* 1, 1: the whole matrix */
	bool by_cells;
	bool paper; /* --names paper */
	bool pin;   /* pin each virtual processor to one of the host's, if there are enough */
};

/* Run to the end, or until SIGINT, SIGTERM or SIGHUP, which keeps the finished samples. Errors in
 * the settings or a cell are reported before anything is started. Returns the exit status: 0 if
 * every cell has a sample that reached the phase, 1 if not, 128 + the signal. */
int profiler_run(const struct profiler_options *o, char *const envp[]);

/* ---- matrix.c ---- */

/* The environment changes of one cell; NULL: none. */
struct choice {
	const char *value[AXES];
};

/* The cells of O, in the order of its values, with their keys; CHOICE has room for REPORT_CELLS.
 * False: ERR. */
bool matrix_make(const struct profiler_options *o, struct report *r, struct choice *choice,
		 struct error *err);

/* An environment, and the memory of its strings. */
#define ENVIRONMENT_MAX 1024
struct environment {
	char *vars[ENVIRONMENT_MAX + 1];
	size_t count, used;
	char text[16384];
};

/* Does the value of SETTING, which may name what is of one architecture, contain {arch}? */
bool environment_has_arch(char *const envp[], const char *setting);

/* Convert ENVP for a sample: C's choices, a throwaway disk, no open port. FORWARDS replaces
 * QEMU_HOSTFWDS; NULL to only examine the settings. False: it is too large. */
bool environment_make(char *const envp[], const struct choice *c, const char *markers,
		      const char *forwards, struct environment *out);

/* Replace NAME in E by NAME=VALUE; "" is equivalent to unset. False: it is too large. */
bool environment_set(struct environment *e, const char *name, const char *value);

/* ---- schedule.c ---- */

struct slot {
	size_t cell;
	long round; /* from 1; warm-ups are counted separately */
	bool warm_up;
	size_t index; /* position in the order of the whole matrix */
};

struct schedule {
	struct slot *slot; /* release with free(3) */
	size_t count;
};

/* The samples of R's shard that R lacks, in their order; none for a joined report. False: no
 * memory. */
bool schedule_make(const struct report *r, struct schedule *out);

/* ---- progress.c ---- */

/* Estimate the time that the N samples at LEFT, which R lacks, take from NOW_MS on (since 1970):
 * each takes as long as earlier ones of its cell. NAN: unknown. */
double progress_left_ms(const struct report *r, const struct slot *left, size_t n, double now_ms);
/* WHEN, in the format of reports, in milliseconds since 1970; NAN: invalid. */
double progress_time_ms(const char *when);
double progress_now_ms(void);

/* ---- report_dir.c ---- */

/* Create DIR (and VM_LOG_DIR's profiles, if VM_LOG_DIR exists) with its console/; it must not
 * contain a report, unless RESUME. */
bool profile_dir_make(const char *dir, bool resume, struct error *err);
/* Create the directory PATH, unless it exists. */
bool profile_make_dir(const char *path, struct error *err);
/* Lock DIR for this process until the returned descriptor is closed; -1: ERR, another process has
 * locked it. */
int profile_dir_lock(const char *dir, struct error *err);
/* Remove incomplete files that a killed process left in DIR, which is locked. */
void profile_dir_clean(const char *dir);
/* Has a process locked it? */
bool profile_dir_is_locked(const char *dir);
/* Read the report in the directory or file PATH into OUT, which must be zeroed. False: ERR. */
bool profile_load(const char *path, struct report *out, struct error *err);
/* Write the report with the names of the MINIX papers as well: phase-7-5-results-TIME.json,
 * phase-7-5-report-TIME.txt, boot-Ncpu-TIME.log. R is unchanged afterwards. */
bool profile_paper_names(const char *dir, struct report *r, struct error *err);
/* Join the N directories at DIRS in OUT. EXIT_CLEAN, EXIT_NOT_READY if samples are missing, or an
 * error's status, which has been reported. */
int profile_merge(const char *out, char *const *dirs, size_t n, bool force);
/* Print the progress of the run in DIR, with JSON as one object per line; FOLLOW: after each
 * change, until it ends. */
int profile_status(const char *dir, bool follow, bool json);
/* Read the file PATH into *BUF (release with free(3)), followed by a writable byte. False: ERR. */
bool file_read(const char *path, char **buf, size_t *n, struct error *err);
/* Write T to DIR/NAME: a temporary name, fsync, rename. */
bool file_write(const char *dir, const char *name, const struct text *t, struct error *err);
/* Copy the file PATH to DIR/NAME in the same way. A missing file is ignored. */
bool profile_copy(const char *path, const char *dir, const char *name, struct error *err);
/* Write results.json and the files made from it: results.csv, report.txt, *.svg. */
bool profile_save(const char *dir, const struct report *r, struct error *err);
bool profile_documents(const char *dir, const struct report *r, struct error *err);

/* Measure the delay of timestamps: another process writes its clock into a pipe, which is polled in
 * the same way as QEMU's. */
void profile_resolution(struct resolution *out);

#endif
