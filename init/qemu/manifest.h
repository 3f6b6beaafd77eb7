/* manifest.h - the description of a saved state, as JSON beside it: the machine that it belongs
 * to.
 *
 * A state fits only the QEMU, the machine and the disk with which it was saved. The machine is
 * described by QEMU's argument vector without the parts that the guest cannot see (descriptors,
 * sockets, host ports, logs), so new options are included automatically. No I/O here.
 *
 *   {"format":1,"kind":"warm","memory":"mapped-ram","qemu":"10.0.2","host_cpu":"","saved":1795252765,
 *   "ready":true,"login":true,"console":"prompt","line":"login: ","overlays":1,
 *   "disk":["8388608 1795252765.488413953"],
 *   "machine":["qemu-system-x86_64","-nodefaults","-machine","q35",...]}
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
	const char *memory;   /* "mapped-ram", "stream": format of the memory's file */
	const char *qemu;     /* QEMU's version */
	const char *host_cpu; /* with KVM; "" with TCG */
	int64_t saved;	      /* seconds of CLOCK_REALTIME */
	bool ready;	      /* the guest was ready */
	bool login;	      /* a login prompt had been seen */
	const char *console;  /* last line of the console: "prompt", "maybe", "busy"
				 (console/prompt.h) */
	const char *line;     /* the last line of the console, if it is a prompt; NULL: unknown */
	int64_t overlays;     /* files beside it with the guest's disk writes, the last one first */
	const char
		*disks[MANIFEST_DISKS]; /* identities of the image and its backing files (disk.h) */
	size_t disk_count;
	const char *words[ARGS_MAX]; /* of the machine */
	size_t word_count;
};

/* Fill in M->words from ARGS. TEXT holds the words that were changed. */
void manifest_machine(struct manifest *m, const struct args *args, char text[MANIFEST_MAX]);

/* Write M into BUF of MANIFEST_MAX bytes. Returns the length, 0 if it does not fit. */
size_t manifest_write(const struct manifest *m, char *buf);

/* Parse the N bytes at BUF (which is changed; BUF[N] is written) into M, whose texts point there.
 * False if they are not a manifest of this format. */
bool manifest_read(char *buf, size_t n, struct manifest *m);

/* Whether a state SAVED belongs to the machine NOW. WHY gets the first difference. M->qemu,
 * ->memory, ->saved, ->ready, ->login, ->console and
 * ->line are not compared. */
bool manifest_same(const struct manifest *saved, const struct manifest *now, char *why,
		   size_t size);

#endif
