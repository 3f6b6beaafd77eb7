/* fetch.h - VM_FETCH: get a disk image before the guest starts, when none is there.
 *
 * The work is a program's (guest-tools/fetch-image), run as the owner of the directory that the
 * image comes to; PID 1 stays PID 1 meanwhile: it reaps, takes SIGTERM, logs what the program says
 * and answers `vm health` and `vm status` with how far it is.
 */
#ifndef VM_VM_FETCH_H
#define VM_VM_FETCH_H

#include <stdbool.h>

/* Fetch the image if VM_FETCH says so and there is none. True: go on with the start (there was
 * nothing to fetch, it is there now, or what is wrong with the settings is told by plan_make()).
 * False: exit with *STATUS, said already: 0 after a stop, else the program's (sysexits(3)).
 * Signals must be blocked (signals_block()). */
bool fetch_image(char *const envp[], int *status);

#endif
