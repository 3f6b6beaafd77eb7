/* pin.h - pins each virtual processor to a processor of the host. */
#ifndef VM_PROFILE_PIN_H
#define VM_PROFILE_PIN_H

#include <stddef.h>
#include <sys/types.h>

#define PIN_MAX 1024

/* Pin each of the N THREADS of PID to a separate processor, of those that this process may use, and
 * the other threads of PID to the rest, if any. Returns N, or 0 if there are too few processors or
 * it is not permitted; then all threads may run anywhere. */
size_t pin_threads(pid_t pid, const pid_t *threads, size_t n);

#endif
