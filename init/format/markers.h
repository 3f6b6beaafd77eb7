/* markers.h - marker files (docs/markers.md), which assign meanings to texts on a guest's console,
 * and the matcher that finds them in the stream.
 *
 * A file has one marker per line, KIND NAME REGEX, with REGEX to the end of the line; an indented
 * line below it is advice for the user. Lines that begin with # and empty lines are skipped.
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
/* Maximum size of a marker file. */
#define MARKERS_TEXT_MAX (64 << 10)

enum marker_kind {
	MARKER_PROGRESS, /* a phase begins */
	MARKER_READY,	 /* the guest can be used */
	MARKER_FAILURE,	 /* the boot failed; counts only before ready */
	MARKER_PANIC,	 /* the kernel reports a fatal error */
	MARKER_DOWN,	 /* the guest has shut down; only QEMU still runs */
	MARKER_HINT,	 /* a known problem, with advice */
};

/* The texts are parts of the file and not NUL-terminated. */
struct marker {
	enum marker_kind kind;
	unsigned line; /* line number in the file, from 1 */
	const char *name, *regex, *say;
	size_t name_len, regex_len, say_len; /* say_len 0: no advice */
};

struct markers {
	size_t count;
	struct marker list[MARKERS_MAX];
};

/* "progress", "ready", … */
const char *marker_kind_name(enum marker_kind kind);

/* Parse the N bytes at TEXT, which must stay valid while OUT is used. The expressions are checked
 * as well. False: ERR (EXIT_BAD_SETTING) names the line, the error, and the fix. */
bool markers_parse(const char *text, size_t n, struct markers *out, struct error *err);

/* Like markers_read(); PROGRAM receives the expressions compiled for matcher_of(). */
bool markers_compile(const char *text, size_t n, struct markers *out,
		     struct pattern_program *program, struct error *err);

struct marker_matcher;

/* Make a matcher for M, which it does not reference afterwards. NULL: ERR has the reason
 * (EXIT_INTERNAL if there is no memory, EXIT_BAD_SETTING with the line of an invalid expression).
 */
struct marker_matcher *matcher_new(const struct markers *m, struct error *err);
/* The same from compiled expressions; PROGRAM is not referenced afterwards. NULL: ERR
 * (EXIT_INTERNAL). */
struct marker_matcher *matcher_of(const struct pattern_program *program, struct error *err);
void matcher_free(struct marker_matcher *m);

/* Reset to the start of a stream. */
void matcher_reset(struct marker_matcher *m);

/* Like pattern_feed(), for the raw bytes of a console: consume up to and including the first byte
 * at which markers match. Bits in FIRED are indices in struct markers. */
size_t matcher_feed(struct marker_matcher *m, const uint8_t *buf, size_t n,
		    struct pattern_bits *fired);

#endif
