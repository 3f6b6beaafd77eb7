/* args_parts.h - what the files that build QEMU's argument vector share (args.h). */
#ifndef VM_QEMU_ARGS_PARTS_H
#define VM_QEMU_ARGS_PARTS_H

#include "qemu/args.h"

/* A vector under construction and what it is made from. */
struct builder {
	struct args *out;
	const struct settings *s;
	const struct facts *f;
};

/* The word for VALUE of the setting ID, which QEMU has too; in memory of the calling block. */
#define CHOICE(id, value) setting_choice(id, value, (char[32]){0}, 32)

/* Disks, CD-ROMs and floppies, and their controllers. */
void args_drives(const struct builder *b);

#endif
