/* programs.h - where our own two programs are: beside the one that runs, or at their places in the
 * image. */
#ifndef VM_HOST_PROGRAMS_H
#define VM_HOST_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* The path into OUT. False: it is not there. */
bool program_vm(char *out, size_t size);
bool program_init(char *out, size_t size);

#endif
