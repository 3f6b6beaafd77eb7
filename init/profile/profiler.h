/* profiler.h - vm profile: boot a matrix of machines again and again and see when what happens.
 *
 * One process runs the whole matrix: it plans each sample as `vm run` would (plan/plan.h), starts
 * QEMU on a throwaway overlay, and takes the time of every byte on the serial line itself. Nothing
 * of a running guest is touched: no port but a forward of its own, no socket, no file outside the
 * report's directory and VM_TMP_DIR. After each sample the report is written anew, whole.
 *
 * matrix.c makes the cells, sample.c runs one sample, profiler.c all of them, and
 * report_dir.c keeps the report's directory.
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
	size_t counts[AXES];		       /* 0: as the settings say */
	long samples, warm_up, timeout_s, jobs;
	const char *until;    /* a marker's name, ready, login, ssh or http */
	const char *baseline; /* file, or NULL */
	const char *out;      /* directory; NULL: VM_LOG_DIR/profiles/TIME */
	const char *markers;  /* file, or NULL for VM_MARKERS or the guest's */
};

/* Run it to its end, or until SIGINT, SIGTERM or SIGHUP: then what is finished stays. What is
 * wrong with the settings or a cell is said before anything is started. Returns the exit status:
 * 0 when every cell has a sample that reached the phase, 1 when one has none, 128 + the signal. */
int profiler_run(const struct profiler_options *o, char *const envp[]);

/* ---- matrix.c ---- */

/* What one cell changes in the environment; NULL: nothing. */
struct choice {
	const char *value[AXES];
};

/* The cells of O, in the order of its values, with their keys; CHOICE gets REPORT_CELLS of them.
 * False: ERR. */
bool matrix_make(const struct profiler_options *o, struct report *r, struct choice *choice,
		 struct error *err);

/* An environment and the memory of its texts. */
#define ENVIRONMENT_MAX 1024
struct environment {
	char *vars[ENVIRONMENT_MAX + 1];
	size_t count, used;
	char text[16384];
};

/* ENVP as a sample needs it: C's choices, a throwaway disk, no open port. FORWARDS takes the
 * place of QEMU_HOSTFWDS; NULL for a look at the settings as they are. False: it is too large. */
bool environment_make(char *const envp[], const struct choice *c, const char *markers,
		      const char *forwards, struct environment *out);

/* ---- report_dir.c ---- */

/* Make DIR (and VM_LOG_DIR's profiles, when it is there) with its console/; it must not have a
 * report yet. */
bool profile_dir_make(const char *dir, struct error *err);
/* The whole of PATH into *BUF (free(3) it), with a writable byte behind it. False: ERR. */
bool file_read(const char *path, char **buf, size_t *n, struct error *err);
/* T as DIR/NAME: a temporary name, fsync, rename. */
bool file_write(const char *dir, const char *name, const struct text *t, struct error *err);
/* results.json; and what is made from it: results.csv, report.txt, *.svg. */
bool profile_save(const char *dir, const struct report *r, struct error *err);
bool profile_documents(const char *dir, const struct report *r, struct error *err);

/* How late the time of a byte is here: another process writes its clock into a pipe that is waited
 * for as QEMU's is. */
void profile_resolution(struct resolution *out);

#endif
