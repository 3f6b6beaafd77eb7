/* signals.h - signals that come by signalfd(2). */
#ifndef VM_HOST_SIGNALS_H
#define VM_HOST_SIGNALS_H

/* To be called first of all: a signal that comes from now on waits for the loop, also while the
 * plan is made. */
void signals_block(void);

/* A descriptor that is readable when one has come; -1 with errno. */
int signals_open(void);
/* The same for those that end a command (SIGINT, SIGTERM, SIGHUP), which are blocked from now on.
 */
int signals_of_end(void);

#endif
