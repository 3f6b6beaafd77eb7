/* migration.h - QEMU's migration to and from a file, which a saved state is (qapi/migration.json).
 */
#ifndef VM_PID1_MIGRATION_H
#define VM_PID1_MIGRATION_H

#include <stdbool.h>

#include "config/settings.h"
#include "qemu/args.h"
#include "qemu/qmp.h"

/* Commands that migration_begin() sends at most. */
#define MIGRATION_COMMANDS 4

struct migration {
	struct qmp *qmp;
	/* Never AUTO. In MAPPED and PACKED the stream has no memory: PID 1 has it (enum guest_ram).
	 */
	enum state_format format;
	bool fdset; /* QEMU has its file in a set of descriptors, not by a name of its own */
};

/* How this QEMU saves a guest whose memory is WHERE, when VM_STATE_FORMAT asks for WANTED. */
enum state_format migration_format(const struct qmp *q, enum state_format wanted,
				   enum guest_ram where);

/* Its name, as VM_STATE_FORMAT has it; PID 1 has no table of the settings. */
const char *migration_format_name(enum state_format format);

/* Is the memory outside of the stream? */
bool migration_leaves_memory(enum state_format format);

/* Hand the file FD over to QEMU, and have it written (COMMAND "migrate") or read
 * ("migrate-incoming") as M->format says. REPLY with ARG hears the command's answer; its end is
 * event MIGRATION. False: QEMU does not answer. */
bool migration_begin(struct migration *m, const char *command, int fd, qmp_reply *reply, void *arg);

/* It is over: QEMU's copy of the file may go. */
void migration_end(const struct migration *m);

#endif
