/* messages.h - the errors and warnings of both programs.
 *
 * The table is made while the program is built: init/vm/messages/ reads the calls of error_set(),
 * log_warning() and the like in every source file (build/messages.c).
 */
#ifndef VM_VM_MESSAGES_H
#define VM_VM_MESSAGES_H

#include <stddef.h>

#include "base/error.h"

/* Stands in a text for what the message puts there: a name, a number, the system's reason. */
#define MESSAGE_ANY "\xe2\x80\xa6"

struct message {
	const char *file; /* the source file */
	enum { MESSAGE_WARNING, MESSAGE_ERROR } level;
	/* The exit statuses, up to EXIT_CLEAN. None: a warning, or the status is that of the cause.
	 */
	enum exit_status status[3];
	const char *text;
	const char *fix; /* may be empty */
};

/* By source file, up to a row without a text. */
extern const struct message messages[];

/* How well the message fits PATTERN. MESSAGE_PART: PATTERN is a part of it or of its fix, in any
 * case. Else, if it stands in the line PATTERN as the program prints it, the number of letters that
 * are the same; 0: neither. */
#define MESSAGE_PART 10000
int message_fits(const struct message *m, const char *pattern);

#endif
