/* nearest.h - the known name that is most similar to an unknown one, for error messages.
 *
 *   struct nearest n = {.to = "QEMU_RMA"};
 *   for each known name: nearest_compare(&n, name);
 *   n.name is the nearest of them, "" if there was none
 */
#ifndef VM_BASE_NEAREST_H
#define VM_BASE_NEAREST_H

struct nearest {
	const char *to;
	unsigned edits; /* between TO and NAME */
	char name[64];
};

/* Compare a known name. Edits: insert, delete, change, swap of neighbours; the first of equally
 * near names wins. At most 40 bytes of a name count. */
void nearest_compare(struct nearest *n, const char *candidate);

#endif
