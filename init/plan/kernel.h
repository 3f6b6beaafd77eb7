/* kernel.h - prepares QEMU_KERNEL and QEMU_INITRD for QEMU, which accepts neither a compressed
 * kernel nor a multiboot kernel in an ELF64 file (format/elf.h).
 *
 * Files that must be changed are written to anonymous files in VM_TMP_DIR, whose descriptors QEMU
 * inherits and opens again as /proc/self/fd/N, because -kernel and -initrd do not support
 * descriptor sets. Other files are opened by QEMU by name.
 */
#ifndef VM_PLAN_KERNEL_H
#define VM_PLAN_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Number of multiboot modules that may need decompression; others are limited by space only. */
#define KERNEL_MODULES_MAX 8

struct kernel {
	int fds[1 + KERNEL_MODULES_MAX]; /* the kernel and its modules, if changed; else -1 */
	uint64_t end;	   /* end of the memory that it is loaded to, bytes; 0: unknown */
	bool efi;	   /* a bzImage or Image, which UEFI can start as well */
	char path[32];	   /* path of fds[0] for QEMU */
	char initrd[8192]; /* replacement for QEMU_INITRD, "" if unchanged */
	char about[4300];  /* name, kind and conversion; "": no kernel */
};

struct plan;

/* No kernel. */
void kernel_init(struct kernel *k);
void kernel_close(struct kernel *k);

/* Read, identify and if necessary rewrite the kernel and the modules of PLAN->s, into PLAN->kernel
 * and PLAN->s.kernel_guest. PLAN must already contain the parsed settings and the identity. Errors
 * in PLAN->errors: EXIT_NO_IMAGE (no such file), EXIT_NO_PERMISSION, EXIT_BAD_IMAGE (not bootable
 * by QEMU, damaged, too large). gzip and xz are limited to one minute; SIGTERM and SIGINT, if
 * blocked, end the wait (EXIT_CLEAN) and stay pending. */
void kernel_prepare(struct plan *plan);

/* Identify the kernel in the file FD in a child; NAME is used in errors. False with ERR. */
struct kernel_file;
bool kernel_identify(int fd, const char *name, struct kernel_file *out, struct error *err);

/* Copy the file name of the first module of LIST, QEMU_INITRD of a multiboot kernel, into PATH;
 * LIST is advanced to the next module. False: there is none. */
bool kernel_module(const char **list, char path[4096]);

/* Does the kernel fit into QEMU_RAM, which must be resolved? QEMU would silently drop what does
 * not. If not, an error in PLAN->errors (EXIT_BAD_SETTING). */
void kernel_check_memory(struct plan *plan);

/* Create an empty anonymous file in VM_TMP_DIR that QEMU's user can read. -1: errno. */
int kernel_new_file(const struct plan *plan);

#endif
