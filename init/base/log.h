/* log.h - log lines and the journal of events.
 *
 * Lines for people go to standard error, as `vm: text`, `vm: warning: text`, `vm: error: text`,
 * and, after log_files(), also to qemu.log with a time. Output of another program is marked by
 * its name (`qemu: text`), so only our lines begin with `vm: `. Control characters in a line are
 * escaped (base/escape.h), wherever they come from. Events for programs go to events.jsonl, one
 * JSON object per line. A full or missing log directory never stops anything: the line is lost
 * there and counted, but is still on standard error.
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

/* On a terminal, the prefix has the colour of the level (base/colour.h). */
#define log_info(...)	 log_line(LOG_INFO, "", __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, "warning: ", __VA_ARGS__)
#define log_error(...)	 log_line(LOG_ERROR, "error: ", __VA_ARGS__)

/* A step towards a goal, and the goal: PREFIX is the first word of the text. */
#define log_phase(prefix, ...) log_line(LOG_PHASE, prefix, __VA_ARGS__)
#define log_good(prefix, ...)  log_line(LOG_GOOD, prefix, __VA_ARGS__)

/* Write one line: PREFIX, then FMT, escaped. */
void log_line(enum log_level level, const char *prefix, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* From now on, lines go to FD (qemu.log) too and events to EVENTS_FD; -1 for none. The log owns
 * neither before the next call of log_files(), which closes the former ones. */
void log_files(int fd, int events_fd);

/* What is for standard error goes to FD first, a pipe that does not block, and only there if it
 * takes it: the reader shares the terminal. -1: no more. The log owns FD. */
void log_through(int fd);

/* Lines that went to qemu.log or events.jsonl and could not be written, since the start. */
unsigned long log_lost(void);

/* One line TEXT of the output of the program WHO. */
void log_output(const char *who, const char *text);

/* Write one event: {"time":RFC 3339 UTC,"ms":milliseconds since /init started,"event":NAME,...},
 * with the members that follow, at most EVENT_MEMBERS: event("spawn", J_INT("pid", pid)). */
#define EVENT_MEMBERS	 8
#define event(name, ...) event_write(name, JSON_LIST(__VA_ARGS__))
void event_write(const char *name, const struct json_member *members);

#endif
