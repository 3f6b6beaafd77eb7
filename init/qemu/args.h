/* args.h - QEMU's argument vector, a pure function of the settings and of what was found.
 *
 * QEMU gets everything by inherited descriptors with fixed numbers, so that the vector is the same
 * at every start and `vm args` tells the truth.
 */
#ifndef VM_QEMU_ARGS_H
#define VM_QEMU_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"

/* The descriptors of QEMU (struct child_fd.to). */
enum qemu_fd {
	QEMU_FD_QMP = 3,     /* socketpair with PID 1 */
	QEMU_FD_SERIAL = 4,  /* socketpair with PID 1 */
	QEMU_FD_MONITOR = 5, /* socketpair with PID 1, human monitor */
	QEMU_FD_USER_QMP =
		6, /* listening unix socket VM_RUN_DIR/qmp.sock, for the user's programs */
	QEMU_FD_CDROM = 7,
	QEMU_FD_DISK = 10, /* and one more for each layer: 10, 11, ... */
};

struct disk_fact {
	enum drive_format format;
	bool writable;
};

struct facts {
	enum accel accel; /* KVM or TCG, decided */
	bool host_is_x86_64;
	bool has_cdrom;
	int disk_layers;	   /* 0: no disk */
	struct disk_fact disks[8]; /* top first, like struct disk */
};

#define ARGS_MAX 256

/* A vector and the memory of its texts. */
struct args {
	char *argv[ARGS_MAX + 1]; /* argv[0] is the emulator's path; ends with NULL */
	size_t count;
	size_t used;
	char text[32768];
};

/* S must be resolved. Error: EXIT_BAD_SETTING when QEMU_EXTRA_ARGS has an open quote or there are
 * too many arguments. */
bool args_build(const struct settings *s, const struct facts *f, struct args *out,
		struct error *err);

/* Write argument TEXT, quoted for a POSIX shell where needed, into BUF. Returns BUF. */
const char *args_quote(const char *text, char *buf, size_t size);

#endif
