/* terminal.h - a terminal in raw mode, for as long as the serial console is shown on it.
 *
 * One terminal per program: its state from before is kept here, so that a signal handler can bring
 * it back.
 */
#ifndef VM_HOST_TERMINAL_H
#define VM_HOST_TERMINAL_H

#include <stdbool.h>

/* Remember the state of FD. False when it is no terminal. */
bool terminal_remember(int fd);

/* Raw mode: every key as it comes, nothing echoed, nothing translated. Needs terminal_remember().
 */
void terminal_raw(void);

/* What was remembered, if anything was. Async-signal-safe. */
void terminal_restore(void);

/* Is FD a terminal whose foreground is ours, so that what is typed there is for us? */
bool terminal_is_ours(int fd);

#endif
