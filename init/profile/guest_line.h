/* guest_line.h - the kernel that booted, according to its own messages. */
#ifndef VM_PROFILE_GUEST_LINE_H
#define VM_PROFILE_GUEST_LINE_H

#include <stddef.h>

/* Copy the line in which a kernel prints its version, from the console's LEN bytes at TEXT, to OUT;
 * OUT is unchanged if there is none. */
void find_guest_line(const char *text, size_t len, char *out, size_t size);

#endif
