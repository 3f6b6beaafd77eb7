/* args_parts.h - shared by the files that build QEMU's argument vector (args.h). */
#ifndef VM_QEMU_ARGS_PARTS_H
#define VM_QEMU_ARGS_PARTS_H

#include "qemu/args.h"

/* A vector under construction, and its input. */
struct builder {
	struct args *out;
	const struct settings *s;
	const struct facts *f;
};

/* The word for VALUE of the setting ID, which is also QEMU's; valid in the calling block. */
#define CHOICE(id, value) setting_choice(id, value, (char[32]){0}, 32)

/* Append TEXT inside a comma-separated value, with commas doubled (QEMU: util/qemu-option.c). */
void args_more_escaped(struct args *a, const char *text);

/* UEFI's flash devices, which -machine refers to. */
void args_firmware(const struct builder *b);

/* The network backend, and the card. */
void args_network(const struct builder *b);

/* Disks, CD-ROMs and floppies, and their controllers. */
void args_drives(const struct builder *b);

#endif
