/* status.h - how far a run of the profiler is, from its directory, for the files that print it. */
#ifndef VM_PROFILE_STATUS_H
#define VM_PROFILE_STATUS_H

#include "format/text.h"
#include "profile/profiler.h"

enum status_state {
	STATUS_STARTING, /* there is no report yet */
	STATUS_INSTALLING,
	STATUS_RUNNING,
	STATUS_WRITING, /* all samples are there, but not all documents */
	STATUS_COMPLETE,
	STATUS_STOPPED,
	STATUS_INCOMPLETE, /* a joined report that lacks samples */
};

/* What one look at DIR has found. */
struct status_look {
	const char *dir;
	enum status_state state;
	struct report r;
	struct schedule left;
	double elapsed_ms, left_ms; /* NAN: unknown, or nothing runs */
	/* The cells with samples to take, of a run that installs them first. */
	size_t to_install, installed;
	size_t installing; /* the cell; meaningful while STATUS_INSTALLING */
	double install_ms, install_left_ms, install_spent_ms;
};

/* Does a process work on it? */
bool status_is_running(const struct status_look *l);
/* Look at DIR. False: ERR; L is to be freed all the same. */
bool status_look(const char *dir, struct status_look *l, struct error *err);
void status_free(struct status_look *l);
/* The sample of R that began last; NULL: there is none. */
const struct sample *status_newest(const struct report *r);

/* ---- status_json.c ---- */

/* L as one line of JSON (docs/profile.md, Progress). */
void status_look_json(const struct status_look *l, struct text *t);

#endif
