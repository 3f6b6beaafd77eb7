/* snapshot_list.h - the internal snapshots of a qcow2 image: names, tags, and the list of them. */
#ifndef VM_FORMAT_SNAPSHOT_LIST_H
#define VM_FORMAT_SNAPSHOT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "format/qcow2.h"

/* More than these are for qemu-img. */
#define SNAPSHOTS_MAX	  256
#define SNAPSHOT_NAME_MAX 64

/* Behind the name of what was saved with its memory before the guest was ready; with something
 * other than a prompt on the console; with what may be one (console/prompt.h). */
#define SNAPSHOT_BOOTING "+booting"
#define SNAPSHOT_BUSY	 "+busy"
#define SNAPSHOT_MAYBE	 "+maybe"
/* The name that the image gets, with its end. */
#define SNAPSHOT_TAG_MAX (SNAPSHOT_NAME_MAX + sizeof SNAPSHOT_BOOTING)

struct snapshots {
	size_t count;
	struct qcow2_snapshot list[SNAPSHOTS_MAX];
};

/* A letter, then letters, digits and ._-: QEMU takes a number for an ID. Error: EXIT_BAD_USAGE. */
bool snapshot_name_check(const char *name, struct error *err);

/* The one called NAME, which its tag may say more than; NULL for none. */
const struct qcow2_snapshot *snapshots_find(const struct snapshots *s, const char *name);
/* The same; Error: EXIT_NO_IMAGE. */
const struct qcow2_snapshot *snapshots_get(const struct snapshots *s, const char *name,
					   struct error *err);
/* Is there none called NAME, so that it can be saved without FORCE? Errors: EXIT_BAD_IMAGE. */
bool snapshots_free(const struct snapshots *s, const char *name, bool force, struct error *err);

/* Was the guest ready when it was saved? */
bool snapshot_ready(const struct qcow2_snapshot *one);

/* All of them into BUF: a table, or a JSON array of
 * {name, id, memory (bytes, null for none), saved (seconds since 1970), guest_clock_s, ready}. */
#define SNAPSHOTS_TEXT (SNAPSHOTS_MAX * 1200)
size_t snapshots_text(const struct snapshots *s, bool json, char buf[SNAPSHOTS_TEXT]);

#endif
