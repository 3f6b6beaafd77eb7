/* error.h - a failure: message, fix and exit status.
 *
 * The convention of the whole program: a function that can fail returns bool (or a negative value)
 * and fills a `struct error`; on success it does not touch it. A start collects all its errors in
 * a `struct errors`, so that a user can fix all of them at once.
 */
#ifndef VM_BASE_ERROR_H
#define VM_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses: those of sysexits(3) if nothing was started, our own from 80 on
 * (docs/lifecycle.md). */
enum exit_status {
	EXIT_CLEAN = 0,
	EXIT_NOT_READY = 1,    /* vm health, vm wait: not yet */
	EXIT_BAD_USAGE = 64,   /* EX_USAGE: the command line */
	EXIT_BAD_IMAGE = 65,   /* EX_DATAERR: an image that is damaged, unsupported or in use */
	EXIT_NO_IMAGE = 66,    /* EX_NOINPUT: a missing file */
	EXIT_QEMU_FAILED = 69, /* EX_UNAVAILABLE: QEMU did not start, or died */
	EXIT_INTERNAL = 70,    /* EX_SOFTWARE: an internal error */
	EXIT_FELL_BEHIND = 74, /* EX_IOERR: a console client did not keep up */
	EXIT_ASK_AGAIN = 75, /* EX_TEMPFAIL: no result yet, or no free slot for a waiting client */
	EXIT_NO_SLOT = 75,   /* the same: no free slot on the console */
	EXIT_NO_PERMISSION = 77, /* EX_NOPERM */
	EXIT_BAD_SETTING = 78,	 /* EX_CONFIG */
	EXIT_PANIC = 80,	 /* the guest panicked */
	EXIT_BOOT_DEADLINE = 81, /* the guest was not ready in time */
	EXIT_CUT_OFF = 82,	 /* the guest did not shut down and was cut off */
	EXIT_TIME_OVER = 83,	 /* VM_RUN_TIMEOUT has passed */
};

struct error {
	enum exit_status status;
	char message[768]; /* one line: the setting or file, its value, and what is wrong */
	char fix[512];	   /* one line: the fix; may be empty */
};

/* The most errors that a start reports; more are only counted. */
#define ERRORS_MAX 32

struct errors {
	size_t count; /* all errors, including those beyond ERRORS_MAX */
	struct error list[ERRORS_MAX];
};

/* Fill ERR (which may be NULL) with STATUS, the text FMT and FIX (NULL or "" for none). Long texts
 * are cut. Always returns false, for `return error_set(...)`. */
bool error_set(struct error *err, enum exit_status status, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Append an error to LIST. */
bool errors_add(struct errors *list, enum exit_status status, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Append a copy of ERR to LIST. Returns false. */
bool errors_append(struct errors *list, const struct error *err);

/* Tells the analyzer, which sees one file at a time, that these return false. */
#ifdef __clang_analyzer__
#define error_set(...)	(error_set(__VA_ARGS__), false)
#define errors_add(...) (errors_add(__VA_ARGS__), false)
#endif

/* The exit status of a start with these errors: that of the first one. */
enum exit_status errors_status(const struct errors *list);

/* Write every error (warning) to standard error and the log: a line, and a `fix:` line. */
void errors_report(const struct errors *list);
void warnings_report(const struct errors *list);
void error_report(const struct error *err);

#endif
