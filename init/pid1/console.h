/* console.h - the serial console and QEMU's monitor: their clients, the logs of their output, and
 * the container's own terminal. */
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
	pid_t terminal; /* `vm console` on the container's terminal; 0: none */
	int log_lines;	/* log lines to the child; -1: none */
};

/* ENV gets the array of relays, which are NULL until consoles_open(). */
void consoles_init(struct consoles *c, struct env *env);

/* Open both relays with their listeners, whose clients GUARD admits, the logs, and the terminal.
 * Output of the serial line is posted as NOTICE_SERIAL. */
bool consoles_open(struct consoles *c, struct guard *guard, struct error *err);

/* SIGHUP: open the logs again. */
void consoles_reopen_logs(struct consoles *c);

/* PID has ended. Returns whether it was the terminal's child. */
bool consoles_reaped(struct consoles *c, pid_t pid);

/* Send a break on the serial line. False if QEMU does not answer. */
bool consoles_break(const struct consoles *c);

/* Write what is buffered, disconnect all clients, restore the terminal. */
void consoles_close(struct consoles *c);

#endif
