/* nearest.h - the known name that is nearest to one that is not known, for error texts.
 *
 *   struct nearest n = {.to = "QEMU_RMA"};
 *   for each known name: nearest_offer(&n, name);
 *   n.name is the nearest of them, "" when none was offered
 */
#ifndef VM_BASE_NEAREST_H
#define VM_BASE_NEAREST_H

struct nearest {
	const char *to;
	unsigned edits; /* of NAME */
	char name[64];
};

/* CANDIDATE is a known name. Edits are counted: insert, delete, change, swap of neighbours; of two
 * that are as near, the first one stays. At most 40 bytes of a name count. */
void nearest_offer(struct nearest *n, const char *candidate);

#endif
