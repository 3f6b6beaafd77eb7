/* grub_internal.h - shared by grub.c (control flow, menus), grub_commands.c, grub_test.c and, below
 * them, grub_state.c. */
#ifndef VM_FORMAT_GRUB_INTERNAL_H
#define VM_FORMAT_GRUB_INTERNAL_H

#include "format/grub.h"
#include "format/grub_words.h"

#define GRUB_ENTRIES_MAX   256
#define GRUB_FUNCTIONS_MAX 64
#define GRUB_TEXTS_MAX	   16

struct grub_menu_entry {
	char title[256];
	char id[256];
	bool submenu;
	struct grub_cursor body;
};

struct grub_function {
	char name[GRUB_NAME_MAX];
	struct grub_cursor body;
};

struct grub {
	const struct grub_disk *disk;
	struct grub_entry *out;
	struct error *err;
	struct grub_variables variables;
	struct grub_menu_entry entries[GRUB_ENTRIES_MAX];
	size_t entries_count;
	struct grub_function functions[GRUB_FUNCTIONS_MAX];
	size_t functions_count;
	char *texts[GRUB_TEXTS_MAX]; /* texts of files; entries and functions point into them */
	size_t texts_count;
	unsigned steps, depth;
	unsigned line; /* line number of the command */
	bool in_entry; /* the chosen entry is being executed */
	bool has_kernel;
	bool booted;			 /* `boot` was executed: ignore the rest */
	int status;			 /* of the last command */
	const struct grub_words *params; /* arguments of the function */
	/* Run a script in the present menu. */
	bool (*run)(struct grub *g, struct grub_cursor script);
};

/* Set the error MESSAGE with the line number. Returns false. */
bool grub_refuse(struct grub *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *grub_value(const struct grub *g, const char *name);
bool grub_put(struct grub *g, const char *name, const char *value);

/* Split the file name NAME into device and path: "(hd0,msdos1)/boot/x", or "/boot/x" on $root. */
bool grub_place(struct grub *g, const char *name, char device[GRUB_DEVICE_MAX],
		char path[GRUB_PATH_MAX]);

/* Read the file NAME as a script and keep it. */
bool grub_load(struct grub *g, const char *device, const char *path, struct grub_cursor *out);

/* Execute the command W and store its status in G->status. False: it was not understood. */
bool grub_command(struct grub *g, struct grub_words *w);

/* Evaluate `test` with the ARGC words at ARGV into *TRUE. */
bool grub_test(struct grub *g, int argc, char *const *argv, bool *yes);

#endif
