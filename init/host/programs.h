/* programs.h - finds our own two programs: beside the running one, or at their paths in the image.
 */
#ifndef VM_HOST_PROGRAMS_H
#define VM_HOST_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* Find it; the path goes to OUT. False: it is not there. */
bool program_vm(char *out, size_t size);
bool program_init(char *out, size_t size);

/* Find the program NAME beside this one, else at USUAL; its path goes to OUT. False: not found. */
bool program_beside(const char *name, const char *usual, char *out, size_t size);

#endif
