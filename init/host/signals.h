/* signals.h - signals received by signalfd(2). */
#ifndef VM_HOST_SIGNALS_H
#define VM_HOST_SIGNALS_H

/* Call this first: signals that arrive from now on wait for the loop, including during planning. */
void signals_block(void);

/* A descriptor that is readable when a signal has arrived; -1 with errno. */
int signals_open(void);
/* The same for signals that end a command (SIGINT, SIGTERM, SIGHUP), which are blocked from now on.
 */
int signals_of_end(void);

#endif
