/* error.h - a failure: what is wrong, the fix, and the exit status.
 *
 * The convention of the whole program: a function that can fail returns bool (or a negative
 * value) and fills a `struct error`; on success it does not touch the error. A start collects all
 * errors in a `struct errors`, so that a user can fix all of them at once.
 */
#ifndef VM_BASE_ERROR_H
#define VM_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses: sysexits(3) for what never started, our own from 80 on (docs/lifecycle.md). */
enum exit_status {
	EXIT_CLEAN = 0,
	EXIT_NOT_READY = 1,	 /* vm health, vm wait: not yet */
	EXIT_BAD_USAGE = 64,	 /* EX_USAGE: the command line */
	EXIT_BAD_IMAGE = 65,	 /* EX_DATAERR: an image that must not or cannot be used */
	EXIT_NO_IMAGE = 66,	 /* EX_NOINPUT: a file that is not there */
	EXIT_QEMU_FAILED = 69,	 /* EX_UNAVAILABLE: QEMU did not start, or died */
	EXIT_INTERNAL = 70,	 /* EX_SOFTWARE: our own fault */
	EXIT_FELL_BEHIND = 74,	 /* EX_IOERR: the console's client did not keep up */
	EXIT_ASK_AGAIN = 75,	 /* EX_TEMPFAIL: on the control socket, of a wait */
	EXIT_NO_PLACE = 75,	 /* the same for people: no place on the console */
	EXIT_NO_PERMISSION = 77, /* EX_NOPERM */
	EXIT_BAD_SETTING = 78,	 /* EX_CONFIG */
	EXIT_PANIC = 80,	 /* the guest panicked */
	EXIT_BOOT_DEADLINE = 81, /* the guest was not ready in time */
	EXIT_CUT_OFF = 82,	 /* the guest did not stop by itself and was cut off */
	EXIT_TIME_OVER = 83,	 /* VM_RUN_TIMEOUT has passed */
};

struct error {
	enum exit_status status;
	char message[768]; /* one line: the setting or file, its value, what is wrong */
	char fix[512];	   /* one line: what to do; may be empty */
};

/* The most errors one start reports; more than this are counted only. */
#define ERRORS_MAX 32

struct errors {
	size_t count; /* errors found, also those beyond ERRORS_MAX */
	struct error list[ERRORS_MAX];
};

/* Fill ERR (which may be NULL) with STATUS, the text FMT and the fix FIX (NULL or "" for none).
 * Long texts are cut. Returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *err, enum exit_status status, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same, as one more entry of LIST. */
bool errors_add(struct errors *list, enum exit_status status, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Append a copy of ERR to LIST. Returns false. */
bool errors_append(struct errors *list, const struct error *err);

#ifdef __clang_analyzer__ /* sees one file at a time, so not that these are never true */
#define error_set(...)	(error_set(__VA_ARGS__), false)
#define errors_add(...) (errors_add(__VA_ARGS__), false)
#endif

/* The status that a start with these errors exits with: that of the first one. */
enum exit_status errors_status(const struct errors *list);

/* Write every error on standard error and to the log, one `error:` line and one `fix:` line each.*/
void errors_report(const struct errors *list);
void error_report(const struct error *err);

#endif
