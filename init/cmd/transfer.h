/* transfer.h - carry files between this side and the guest; what vm push and vm pull stand on. */
#ifndef VM_CMD_TRANSFER_H
#define VM_CMD_TRANSFER_H

#include "base/settings.h"
#include "cmd/guest.h"
#include "guest/plan.h"
#include "guest/session_stream.h"
#include "host/child.h"

enum via { VIA_AUTO, VIA_SSH, VIA_SERIAL };

struct transfer {
	struct settings s;
	bool push; /* into the guest */
	enum via via;
	const char *user;		       /* NULL: VM_LOGIN_USER */
	void (*progress)(void *arg, size_t n); /* N more bytes have come through */
	void *progress_arg;
	/* The rest is the transfer's own. */
	bool serial;
	struct ssh ssh;
	struct guest_line line;
	char sh[256];
	char here[128], there[128]; /* the programs that are there, each with a blank behind it */
};

/* Reach the guest: by ssh, else (VIA_AUTO only) on its serial console, which is said. SIGINT and
 * SIGTERM end what follows with an error from now on. False with ERR: no guest, one without files,
 * no way to it, a program that is missing. */
bool transfer_open(struct transfer *t, char **envp, struct error *err);

/* Copy PATH (a file or a directory; without a slash behind it) to DEST: into it when that is a
 * directory (INTO: it has to be one), else DEST is its new name. A directory that is there already
 * gets what is new, a file is replaced at once. False with ERR; nothing half-written is left. */
bool transfer_path(struct transfer *t, const char *path, const char *dest, bool into,
		   struct error *err);

void transfer_close(struct transfer *t);

#endif
