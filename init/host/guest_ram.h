/* guest_ram.h - a guest's memory as a memfd, which QEMU maps and PID 1 can save by itself. */
#ifndef VM_HOST_GUEST_RAM_H
#define VM_HOST_GUEST_RAM_H

#include <stdbool.h>
#include <stdint.h>

/* BYTES of zeros that QEMU, whoever it runs as, can open as /proc/self/fd/N. -1 with errno. */
int guest_ram_create(uint64_t bytes);

/* Make it zeros again. False with errno. */
bool guest_ram_clear(int fd);

#endif
