/* fetch.h - VM_FETCH: get a disk image before the guest starts, if there is none.
 *
 * A separate program (guest-tools/fetch-image) does the work, as the owner of the destination
 * directory. PID 1 meanwhile reaps processes, handles SIGTERM, logs the program's output and
 * answers `vm health` and `vm status` with its progress.
 */
#ifndef VM_VM_FETCH_H
#define VM_VM_FETCH_H

#include <stdbool.h>

/* Fetch the image if VM_FETCH requires it and there is none. True: continue the start (nothing had
 * to be fetched, the image is there now, or plan_make() will report what is wrong with the
 * settings). False: exit with *STATUS, already reported: 0 after a stop, else the program's status
 * (sysexits(3)). Signals must be blocked (signals_block()). */
bool fetch_image(char *const envp[], int *status);

#endif
