/* direct_read.h - the part of direct_boot.c that reads the guest's disk in a confined child. */
#ifndef VM_PLAN_DIRECT_READ_H
#define VM_PLAN_DIRECT_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/grub.h"
#include "host/disk.h"

/* Upper bound of all that is read for a start, and of the reader's own memory: the kernel in
 * compressed, decompressed and final form, and the tables of the layers. */
#define DIRECT_READ_MAX	  ((size_t)256 << 20)
#define DIRECT_MEMORY_MAX ((size_t)1024 << 20)

/* The child's input. The image's layers, from the top, are CONFINED_IN and CONFINED_MORE on; after
 * them come files for the ramdisk and for the compressed ELF file of a Linux kernel. */
struct direct_task {
	struct {
		uint64_t size;
		bool is_qcow2;
	} layers[DISK_LAYERS_MAX];
	int count;
	bool screen; /* the guest has a screen besides its serial line */
	bool slow;   /* the processor is emulated: decompress here where possible */
};

/* The child's answer. */
struct direct_found {
	enum { FOUND_LINUX, FOUND_MACH, FOUND_MULTIBOOT, FOUND_BZIMAGE } kind;
	bool long_mode, waits, clean, ramdisk;
	char unpacker[8]; /* for the ELF file of a Linux kernel, in the last file; "": none */
	int modules;
	uint64_t end;	    /* end of the memory that it is loaded to */
	uint64_t bytes;	    /* bytes read */
	uint64_t unpack_ns; /* time of that spent on decompression */
	char title[256];
	char device[GRUB_DEVICE_MAX];
	char kernel[GRUB_PATH_MAX];
	char line[GRUB_LINE_MAX + 128];
};

/* The child's function (host/confined.h): ARG is a struct direct_task, ANSWER a struct
 * direct_found; the kernel is written to CONFINED_OUT. */
bool direct_read(const void *arg, void *answer, struct error *err);

#endif
