/* log.h - log lines and the journal of events.
 *
 * Log lines go to standard error, as `vm: text`, `vm: warning: text`, `vm: error: text`, and,
 * after log_files(), with a time to qemu.log. Output of another program has its name as prefix
 * (`qemu: text`), so only our own lines begin with `vm: `. Control characters in a line are always
 * escaped (base/escape.h).
 *
 * Events go to events.jsonl, one JSON object per line. A full or missing log directory never stops
 * anything: lines that cannot be written there are counted, and log lines are still on standard
 * error.
 */
#ifndef VM_BASE_LOG_H
#define VM_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/json_write.h"
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_PHASE, LOG_GOOD };

/* On a terminal, the prefix is coloured by level (base/colour.h). */
#define log_info(...)	 log_line(LOG_INFO, "", __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, "warning: ", __VA_ARGS__)
#define log_error(...)	 log_line(LOG_ERROR, "error: ", __VA_ARGS__)

/* A step of the boot; PREFIX is the first word of the text. */
#define log_phase(prefix, ...) log_line(LOG_PHASE, prefix, __VA_ARGS__)
#define log_good(prefix, ...)  log_line(LOG_GOOD, prefix, __VA_ARGS__)

/* Write one line: PREFIX and FMT, escaped. */
void log_line(enum log_level level, const char *prefix, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Write lines to FD (qemu.log) and events to EVENTS_FD as well; -1 for none. The next call of
 * log_files() closes them. */
void log_files(int fd, int events_fd);

/* Write lines for standard error to FD, a non-blocking pipe, instead, if it takes them: its reader
 * uses the same terminal. -1: no pipe. The log takes FD over. */
void log_through(int fd);

/* Lines that could not be written to qemu.log or events.jsonl since the start. */
unsigned long log_lost(void);

/* Log one line TEXT of the output of the program WHO. */
void log_output(const char *who, const char *text);

/* Write one event: {"time":RFC 3339 UTC,"ms":milliseconds since /init started,"event":NAME,...},
 * followed by at most EVENT_MEMBERS members: event("spawn", J_INT("pid", pid)). */
#define EVENT_MEMBERS	 8
#define event(name, ...) event_write(name, JSON_LIST(__VA_ARGS__))
void event_write(const char *name, const struct json_member *members);

#endif
