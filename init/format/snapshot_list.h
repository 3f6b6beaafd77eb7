/* snapshot_list.h - the internal snapshots of a qcow2 image: names, tags, and the list of them. */
#ifndef VM_FORMAT_SNAPSHOT_LIST_H
#define VM_FORMAT_SNAPSHOT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "format/qcow2.h"

/* More snapshots than this can be managed with qemu-img only. */
#define SNAPSHOTS_MAX	  256
#define SNAPSHOT_NAME_MAX 64

/* Suffixes of the tag after the name: saved with its memory before the guest was ready; with
 * something other than a prompt on the console; with a possible prompt (console/prompt.h). */
#define SNAPSHOT_BOOTING "+booting"
#define SNAPSHOT_BUSY	 "+busy"
#define SNAPSHOT_MAYBE	 "+maybe"
/* The tag in the image, with its suffix. */
#define SNAPSHOT_TAG_MAX (SNAPSHOT_NAME_MAX + sizeof SNAPSHOT_BOOTING)

struct snapshots {
	size_t count;
	struct qcow2_snapshot list[SNAPSHOTS_MAX];
};

/* A letter, then letters, digits and ._-, because QEMU treats a number as an ID. Error:
 * EXIT_BAD_USAGE. */
bool snapshot_name_check(const char *name, struct error *err);

/* The snapshot called NAME, whose tag may have a suffix; NULL for none. */
const struct qcow2_snapshot *snapshots_find(const struct snapshots *s, const char *name);
/* The same; Error: EXIT_NO_IMAGE. */
const struct qcow2_snapshot *snapshots_get(const struct snapshots *s, const char *name,
					   struct error *err);
/* May NAME be saved without FORCE, because no snapshot has that name? Errors: EXIT_BAD_IMAGE. */
bool snapshots_free(const struct snapshots *s, const char *name, bool force, struct error *err);

/* Write all of them to BUF: a table, or a JSON array of {name, id, memory (bytes, null for none),
 * saved (seconds since 1970), guest_clock_s, ready}. */
#define SNAPSHOTS_TEXT (SNAPSHOTS_MAX * 1200)
size_t snapshots_text(const struct snapshots *s, bool json, char buf[SNAPSHOTS_TEXT]);

#endif
