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

/* A text inside a comma-separated value: its commas are doubled (QEMU: util/qemu-option.c). */
void args_more_escaped(struct args *a, const char *text);

/* UEFI's volumes, which -machine names. */
void args_firmware(const struct builder *b);

/* What the network card is connected to, and the card. */
void args_network(const struct builder *b);

/* Disks, CD-ROMs and floppies, and their controllers. */
void args_drives(const struct builder *b);

#endif
