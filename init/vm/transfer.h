/* transfer.h - copying files between this side and the guest, for vm push and vm pull. */
#ifndef VM_VM_TRANSFER_H
#define VM_VM_TRANSFER_H

#include "config/settings.h"
#include "host/child.h"
#include "plan/plan.h"
#include "vm/guest_shell.h"
#include "vm/peer.h"
#include "vm/shell_stream.h"

enum via { VIA_AUTO, VIA_SSH, VIA_SERIAL };

struct transfer {
	struct settings s;
	bool push; /* into the guest */
	enum via via;
	const char *user;		       /* NULL: VM_LOGIN_USER */
	uint64_t max_size;		       /* of what is pulled, bytes of all files */
	void (*progress)(void *arg, size_t n); /* N more bytes have come through */
	void *progress_arg;
	/* The rest is the transfer's own. */
	bool serial;
	bool file; /* single files, without an archive, because of: */
	struct error no_archive;
	struct ssh ssh;
	struct guest_line line;
	struct destination to; /* of what is pulled, which is called MEMBER in the guest */
	const char *member;
	char sh[256];
	char here[160], there[160]; /* the programs that are there, each with a blank behind it */
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
