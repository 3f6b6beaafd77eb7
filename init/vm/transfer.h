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
	uint64_t max_size;		       /* of a pull, total bytes of all files */
	void (*progress)(void *arg, size_t n); /* N more bytes were transferred */
	void *progress_arg;
	/* Private members follow. */
	bool serial;
	bool file; /* single files, without an archive, because: */
	struct error no_archive;
	struct ssh ssh;
	struct guest_line line;
	struct destination to; /* of a pull; MEMBER is its name in the guest */
	const char *member;
	char sh[256];
	char here[160], there[160]; /* available programs, each followed by a blank */
};

/* Connect to the guest: over ssh, else (VIA_AUTO only) on its serial console, with a message. From
 * now on SIGINT and SIGTERM end the transfer with an error. False with ERR: no guest, a guest
 * without files, no connection, a missing program. */
bool transfer_open(struct transfer *t, char **envp, struct error *err);

/* Copy PATH (a file or a directory, without a trailing slash) to DEST: into DEST if that is a
 * directory (INTO: it must be), else DEST is the new name. An existing directory is merged, a file
 * is replaced atomically. False with ERR; nothing incomplete is left. */
bool transfer_path(struct transfer *t, const char *path, const char *dest, bool into,
		   struct error *err);

/* Are fewer bytes transferred than the files have? */
bool transfer_compresses(const struct transfer *t);

void transfer_close(struct transfer *t);

#endif
