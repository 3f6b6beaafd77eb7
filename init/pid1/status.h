/* status.h - what is said of the guest and its machine: `vm status`, and the one line of `vm
 * health` and the log. */
#ifndef VM_PID1_STATUS_H
#define VM_PID1_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct supervisor;

/* Is the guest well and ready? WHY (SIZE bytes) gets one line either way. */
bool status_why(const struct supervisor *v, char *why, size_t size);

/* Both end in a line end. Of the first, the length. */
size_t status_json(const struct supervisor *v, char *buf, size_t size);
void status_text(const struct supervisor *v, char *buf, size_t size);

#endif
