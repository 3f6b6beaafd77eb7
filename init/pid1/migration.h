/* migration.h - QEMU's migration to and from a file: a saved state (qapi/migration.json). */
#ifndef VM_PID1_MIGRATION_H
#define VM_PID1_MIGRATION_H

#include <stdbool.h>

#include "config/settings.h"
#include "qemu/args.h"
#include "qemu/qmp.h"

/* The most commands that migration_begin() sends. */
#define MIGRATION_COMMANDS 4

struct migration {
	struct qmp *qmp;
	/* Never AUTO. In MAPPED and PACKED the stream has no memory; PID 1 has it (enum
	 * guest_ram). */
	enum state_format format;
	bool fdset; /* the file is in an fdset, not a descriptor passed by name */
};

/* The format in which this QEMU can save a guest with memory in WHERE, if VM_STATE_FORMAT is
 * WANTED. */
enum state_format migration_format(const struct qmp *q, enum state_format wanted,
				   enum guest_ram where);

/* Its name in VM_STATE_FORMAT; PID 1 does not have the table of settings. */
const char *migration_format_name(enum state_format format);

/* Whether the memory is outside the stream. */
bool migration_leaves_memory(enum state_format format);

/* Pass the file FD to QEMU, and have it written (COMMAND "migrate") or read ("migrate-incoming")
 * in M->format. REPLY is called with ARG and the command's answer; event MIGRATION reports the
 * end. False: QEMU does not answer. */
bool migration_begin(struct migration *m, const char *command, int fd, qmp_reply *reply, void *arg);

/* The migration has ended: QEMU closes its copy of the file. */
void migration_end(const struct migration *m);

#endif
