/* script_report.h - the results of vm script's steps as JUnit XML (--junit) and TAP (--tap). */
#ifndef VM_VM_SCRIPT_REPORT_H
#define VM_VM_SCRIPT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vm/top.h"

#define REPORT_STEPS  1024
#define REPORT_NAME   200
#define REPORT_LINES  20
#define REPORT_REASON 1024

/* The result of the last step that ran. */
enum report_end { REPORT_OK, REPORT_FAILURE, REPORT_ERROR };

struct script_report {
	const char *script; /* its name */
	const char *junit;  /* the file; NULL: none */
	bool tap;
	size_t count, done; /* number of steps, and of those that have run */
	enum report_end end;
	char reason[REPORT_REASON]; /* of a failure or an error */
	uint64_t began_ns, step_ns;
	double took_s[REPORT_STEPS];
	char names[REPORT_STEPS][REPORT_NAME];
	char begun[24]; /* start time, UTC */
	struct top_tail tail;
};

/* Record console output, N bytes. */
void steps_feed(struct script_report *r, const uint8_t *buf, size_t n);

/* Add a step of the script: TEXT in line LINE. All steps are added before the first one runs. */
void steps_add(struct script_report *r, unsigned line, const char *verb, const char *text);

/* Check that the file can be written, and print TAP's plan. False with ERR. */
bool steps_begin(struct script_report *r, struct error *err);
/* The next step begins; the step has succeeded. */
void steps_next(struct script_report *r);
void steps_passed(struct script_report *r);
/* Record why the script ends here. Only the first reason is kept. */
void steps_failed(struct script_report *r, enum report_end end, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The script has ended: write the rest. False with ERR. */
bool steps_finish(struct script_report *r, struct error *err);

#endif
