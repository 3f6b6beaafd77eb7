/* scrollback.h - the guest's output on its serial console so far. */
#ifndef VM_VM_SCROLLBACK_H
#define VM_VM_SCROLLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Call TAKE with each piece, which it may modify. False, with a message and *STATUS, if there is no
 * guest, or if not all of it was received. */
bool scrollback_read(char **envp, void (*take)(void *arg, uint8_t *buf, size_t n), void *arg,
		     int *status);

#endif
