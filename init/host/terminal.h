/* terminal.h - raw mode for a terminal that shows the serial console.
 *
 * One terminal per program: its previous state is stored here, so that a signal handler can restore
 * it.
 */
#ifndef VM_HOST_TERMINAL_H
#define VM_HOST_TERMINAL_H

#include <stdbool.h>

/* Store the state of FD. False if it is not a terminal. */
bool terminal_save(int fd);

/* Raw mode: keys are passed on unchanged, without echo. Requires terminal_save(). */
void terminal_raw(void);

/* Restore the stored state, if any. Async-signal-safe. */
void terminal_restore(void);

/* Is FD a terminal of whose foreground group we are, so that its input is for us? */
bool terminal_is_ours(int fd);

#endif
