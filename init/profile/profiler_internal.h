/* profiler_internal.h - shared by the files that execute a run of the profiler. */
#ifndef VM_PROFILE_PROFILER_INTERNAL_H
#define VM_PROFILE_PROFILER_INTERNAL_H

#include "plan/plan.h"
#include "profile/profiler.h"
#include "profile/sample.h"

#define SECOND UINT64_C(1000000000)

/* A sample in progress. */
struct turn {
	struct boot *boot; /* NULL: free */
	struct environment env;
	struct slot slot;
};

struct profiler {
	const struct profiler_options *o;
	char *const *envp;
	struct report report;
	struct choice choice[REPORT_CELLS];
	struct markers markers;
	struct pattern_program patterns;
	struct goal goal;
	char dir[4096];
	char tmp_dir[4096];	  /* VM_TMP_DIR; "": the default */
	struct identity identity; /* QEMU's user */
	int lock;		  /* of DIR */
	int signals;
	int signal; /* the signal that ends the run; 0: none yet */
	struct schedule schedule;
	size_t next; /* index in SCHEDULE of the next slot to start */
	size_t under_way;
	struct turn turns[PROFILER_JOBS];
	bool terminal;
};

/* ---- describe.c ---- */

/* Plan every cell once, so that errors in any of them are reported before hours are spent, and
 * describe the run in P->report. */
bool describe_all(struct profiler *p, struct errors *errs);

/* ---- install.c ---- */

/* Check --install as far as possible before planning. False: ERR. */
bool install_check(struct profiler *p, struct error *err);
/* Settings E for examining a cell before its disk exists, and for a sample from that disk. */
bool install_before(struct environment *e);
bool install_after(const struct profiler *p, size_t cell, struct environment *e);
/* Install the disk of each cell that has samples to take and no disk, one after another. False:
 * ERR, or a signal has arrived. */
bool install_all(struct profiler *p, struct error *err);

/* ---- run_signal.c ---- */

/* Has a signal that ends the run arrived? */
void profiler_take_signal(struct profiler *p);

/* ---- provenance.c ---- */

/* Program, QEMU's version, SHA-256 of the image, settings, seed, and this process's part. */
bool provenance_take(struct profiler *p, const struct plan *plan, struct error *err);
/* SHA-256 of the kernel and the other files of a cell's PLAN that are not recorded yet; those that
 * differ between architectures for ARCH (NULL: that is no axis). */
bool provenance_of_cell(struct profiler *p, const struct plan *plan, const char *arch,
			struct error *err);
/* Continue the report in P->dir, if there is one: its samples and parts precede P's. False: ERR, it
 * belongs to another run. */
bool provenance_resume(struct profiler *p, struct error *err);

#endif
