/* status.h - the status of the guest and its machine as text: `vm status`, and the one line of `vm
 * health` and the log. */
#ifndef VM_PID1_STATUS_H
#define VM_PID1_STATUS_H

#include <stdbool.h>
#include <stddef.h>

struct supervisor;

/* Whether the guest is ready and nothing is wrong with it. WHY (SIZE bytes) gets one line in
 * either case. */
bool status_why(const struct supervisor *v, char *why, size_t size);

/* Both texts end in a newline. status_json() returns the length. */
size_t status_json(const struct supervisor *v, char *buf, size_t size);
void status_text(const struct supervisor *v, char *buf, size_t size);

#endif
