/* guest_ram.h - a guest's memory as a memfd, which QEMU maps and PID 1 can save. */
#ifndef VM_HOST_GUEST_RAM_H
#define VM_HOST_GUEST_RAM_H

#include <stdbool.h>
#include <stdint.h>

/* Create BYTES of zeros that QEMU, as any user, can open as /proc/self/fd/N. -1 with errno. */
int guest_ram_create(uint64_t bytes);

/* Reset it to zeros. False with errno. */
bool guest_ram_clear(int fd);

#endif
