/* kernel.h - QEMU_KERNEL and QEMU_INITRD made ready for QEMU, which takes neither a compressed
 * kernel nor a multiboot kernel in an ELF64 file (format/elf.h).
 *
 * What has to be changed is written to a file without a name in VM_TMP_DIR, whose descriptor QEMU
 * inherits and opens again as /proc/self/fd/N: -kernel and -initrd know no descriptor sets. What
 * QEMU can read as it is, it opens by its own name.
 */
#ifndef VM_PLAN_KERNEL_H
#define VM_PLAN_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Multiboot modules that have to be unpacked; others may be as many as there is room for. */
#define KERNEL_MODULES_MAX 8

struct kernel {
	int fds[1 + KERNEL_MODULES_MAX]; /* the kernel and its modules, where changed; -1: not */
	uint64_t end;			 /* of the memory it is loaded to, bytes; 0: unknown */
	bool efi;			 /* a bzImage: UEFI can start it, too */
	char path[32];			 /* of fds[0], in QEMU */
	char initrd[8192];		 /* instead of QEMU_INITRD, "" for as it is */
	char about[4300]; /* its name, and what it is and was made; "": there is none */
};

struct plan;

/* No kernel. */
void kernel_init(struct kernel *k);
void kernel_close(struct kernel *k);

/* Read, recognise and where needed rewrite the kernel and the modules of PLAN->s, into PLAN->kernel
 * and PLAN->s.kernel_guest. Of the plan, settings (parsed) and identity must be there. Everything
 * that is wrong goes to PLAN->errors: EXIT_NO_IMAGE (no such file), EXIT_NO_PERMISSION,
 * EXIT_BAD_IMAGE (nothing QEMU could boot, damaged, too large). gzip and xz take as long as they
 * need within a minute; SIGTERM and SIGINT, when they are blocked, end the wait (EXIT_CLEAN) and
 * stay pending. */
void kernel_prepare(struct plan *plan);

/* What kernel the file FD is, by a child; NAME is what errors call it. False with ERR. */
struct kernel_file;
bool kernel_look(int fd, const char *name, struct kernel_file *out, struct error *err);

/* Does the kernel fit into QEMU_RAM, which is known by now? QEMU would drop what does not, without
 * a word. An error of PLAN->errors (EXIT_BAD_SETTING) if not. */
void kernel_check_memory(struct plan *plan);

#endif
