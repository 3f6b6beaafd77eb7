/* manifest.h - what a saved state of a machine belongs to, as JSON beside it.
 *
 * A state fits the QEMU, the machine and the disk it was saved with and no other. What makes the
 * machine is QEMU's argument vector without what the guest cannot see (descriptors, sockets, ports
 * of the host, logs); so a new option counts by itself. Pure: text in, text out.
 *
 *   {"format":1,"kind":"warm","memory":"mapped-ram","qemu":"10.0.2","host_cpu":"","saved":1795252765,
 *    "ready":true,"login":true,"console":"prompt","overlays":1,"disk":["8388608
 * 1795252765.488413953"], "machine":["qemu-system-x86_64","-nodefaults","-machine","q35",...]}
 */
#ifndef VM_QEMU_MANIFEST_H
#define VM_QEMU_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qemu/args.h"

#define MANIFEST_MAX	  65536
#define MANIFEST_DISKS	  13
#define MANIFEST_OVERLAYS 3

struct manifest {
	const char *kind;     /* "warm", "suspended" */
	const char *memory;   /* "mapped-ram", "stream": how the memory's file is written */
	const char *qemu;     /* its version */
	const char *host_cpu; /* under KVM, "" under TCG */
	int64_t saved;	      /* when: seconds of CLOCK_REALTIME */
	bool ready;	      /* the guest was ready then */
	bool login;	      /* it had shown a login prompt */
	const char
		*console; /* what stood there: "prompt", "maybe" one, "busy" (console/prompt.h) */
	int64_t overlays; /* files beside it with what the guest had written, the last one first */
	const char
		*disks[MANIFEST_DISKS]; /* the marks of the image and its backing files (disk.h) */
	size_t disk_count;
	const char *words[ARGS_MAX]; /* of the machine */
	size_t word_count;
};

/* Fill in M->words from ARGS. TEXT holds what had to be changed. */
void manifest_machine(struct manifest *m, const struct args *args, char text[MANIFEST_MAX]);

/* Write M into BUF of MANIFEST_MAX bytes; returns the length, 0 when it does not fit. */
size_t manifest_write(const struct manifest *m, char *buf);

/* Read the N bytes at BUF (changed; BUF[N] is written) into M, whose texts point there. False when
 * they are no manifest of this format. */
bool manifest_read(char *buf, size_t n, struct manifest *m);

/* Is a state saved as SAVED one of a machine NOW? WHY gets the first difference. M->qemu, ->memory,
 * ->saved, ->ready, ->login and ->console are not compared. */
bool manifest_same(const struct manifest *saved, const struct manifest *now, char *why,
		   size_t size);

#endif
