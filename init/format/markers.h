/* markers.h - marker files (docs/markers.md): which text on a guest's console means what; and the
 * matcher that finds it in the stream.
 *
 * A file has one marker a line, KIND NAME REGEX, REGEX to the end of the line; an indented line
 * below is advice for people. Lines of # and empty lines are skipped.
 */
#ifndef VM_FORMAT_MARKERS_H
#define VM_FORMAT_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/pattern.h"

#define MARKERS_MAX	PATTERNS_MAX
#define MARKER_NAME_MAX 31
/* The largest file that it makes sense to read. */
#define MARKERS_TEXT_MAX (64 << 10)

enum marker_kind {
	MARKER_PROGRESS, /* a phase begins */
	MARKER_READY,	 /* somebody can use the guest */
	MARKER_FAILURE,	 /* the boot failed; counts only before ready */
	MARKER_PANIC,	 /* the kernel says that it died */
	MARKER_DOWN,	 /* the guest has shut down, and only QEMU is left */
	MARKER_HINT,	 /* trouble that costs people hours */
};

/* The texts are parts of the file's and have no NUL at their ends. */
struct marker {
	enum marker_kind kind;
	unsigned line; /* of the file, from 1 */
	const char *name, *regex, *say;
	size_t name_len, regex_len, say_len; /* say_len 0: no advice */
};

struct markers {
	size_t count;
	struct marker list[MARKERS_MAX];
};

/* "progress", "ready", … */
const char *marker_kind_name(enum marker_kind kind);

/* Read the N bytes at TEXT, which must stay as long as OUT is used. The expressions are checked as
 * well. False: ERR (EXIT_BAD_SETTING) names the line, what is wrong with it, and the fix. */
bool markers_parse(const char *text, size_t n, struct markers *out, struct error *err);

/* The same, with the expressions in the form that matcher_of() takes. */
bool markers_compile(const char *text, size_t n, struct markers *out,
		     struct pattern_program *program, struct error *err);

struct marker_matcher;

/* A matcher of M, which it does not keep. NULL: ERR says why (EXIT_INTERNAL when there is no
 * memory, EXIT_BAD_SETTING with the line of a bad expression). */
struct marker_matcher *matcher_new(const struct markers *m, struct error *err);
/* The same of expressions that were compiled; PROGRAM is not kept. NULL: ERR (EXIT_INTERNAL). */
struct marker_matcher *matcher_of(const struct pattern_program *program, struct error *err);
void matcher_free(struct marker_matcher *m);

/* Back to the start of a stream. */
void matcher_reset(struct marker_matcher *m);

/* Like pattern_feed(), over the bytes of a console: take up to and with the first at which markers
 * fire. Their bits in FIRED are their indices in struct markers. */
size_t matcher_feed(struct marker_matcher *m, const uint8_t *buf, size_t n,
		    struct pattern_bits *fired);

#endif
