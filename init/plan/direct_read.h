/* direct_read.h - the part of direct_boot.c that reads the guest's disk, in a confined child. */
#ifndef VM_PLAN_DIRECT_READ_H
#define VM_PLAN_DIRECT_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/grub.h"
#include "host/disk.h"

/* All that is read for a start, and what its reader needs: the kernel is there packed, unpacked and
 * in the image; layers have their tables. */
#define DIRECT_READ_MAX	  ((size_t)256 << 20)
#define DIRECT_MEMORY_MAX ((size_t)1024 << 20)

/* What it is told; it has the image's layers, from the top, as CONFINED_IN and CONFINED_MORE on,
 * and behind them files for the ramdisk and for what is packed in a Linux kernel. */
struct direct_task {
	struct {
		uint64_t size;
		bool is_qcow2;
	} layers[DISK_LAYERS_MAX];
	int count;
	bool screen; /* the guest has one, besides its serial line */
	bool slow;   /* its processor is emulated: what can be unpacked here is */
};

/* What it answers. */
struct direct_found {
	enum { FOUND_LINUX, FOUND_MACH, FOUND_MULTIBOOT, FOUND_BZIMAGE } kind;
	bool long_mode, waits, clean, ramdisk;
	char unpacker[8]; /* of the ELF file in a Linux kernel, in the last file; "": none */
	int modules;
	uint64_t end;	    /* of the memory that it is loaded to */
	uint64_t bytes;	    /* read */
	uint64_t unpack_ns; /* of the time that unpacking took */
	char title[256];
	char device[GRUB_DEVICE_MAX];
	char kernel[GRUB_PATH_MAX];
	char line[GRUB_LINE_MAX + 128];
};

/* The child's function (host/confined.h): ARG is a struct direct_task, ANSWER a struct
 * direct_found; the kernel is written to CONFINED_OUT. */
bool direct_read(const void *arg, void *answer, struct error *err);

#endif
