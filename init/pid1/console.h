/* console.h - the supervisor's serial console and monitor: where people connect, what is kept of
 * what comes, and the container's own terminal.
 */
#ifndef VM_PID1_CONSOLE_H
#define VM_PID1_CONSOLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "console/console_log.h"
#include "pid1/env.h"

struct guard;

struct consoles {
	const struct env *env;
	struct relay *relays[RELAY_COUNT];
	struct console_log log;
	pid_t terminal; /* `vm console` on our own terminal; 0: none */
	int log_lines;	/* what of our log it has not read; -1: none */
};

/* ENV gets the relays, all of them NULL as yet. */
void consoles_init(struct consoles *c, struct env *env);

/* Set up both relays with their listeners, whose clients GUARD admits, the logs, and the own
 * terminal. What comes on the serial line is posted as NOTICE_SERIAL. */
bool consoles_open(struct consoles *c, struct guard *guard, struct error *err);

/* SIGHUP: open the logs again. */
void consoles_reopen_logs(struct consoles *c);

/* PID has ended. Returns whether it was of ours. */
bool consoles_reaped(struct consoles *c, pid_t pid);

/* A break on the serial line. False when QEMU does not answer. */
bool consoles_break(const struct consoles *c);

/* The end: last words out, everybody off, the terminal as it was. */
void consoles_close(struct consoles *c);

#endif
