/* ssh.h - a command in the guest by ssh(1), through the port forwarded to its port 22. */
#ifndef VM_VM_SSH_H
#define VM_VM_SSH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "config/settings.h"

#define SSH_ARGV_MAX 48

struct ssh {
	char *argv[SSH_ARGV_MAX];
	char program[256];
	char key[64]; /* -i: a private copy of the key, as a path to our descriptor */
	char port[8];
	char user[64];
	char host[32];
	char connect[32];
	int key_fd;
	char **command; /* position in argv */
};

/* Whether a port is forwarded to the guest's port 22, and there is a key. */
bool ssh_possible(const struct settings *s);

/* Fill OUT to run COMMAND (one line for the guest's shell; NULL: a login) with the key of
 * VM_SSH_KEY. The key is copied into memory that only this process and its children can read,
 * because ssh refuses a key that others can read, and cannot read another user's. TIMEOUT_S limits
 * the connection attempt. This process must exist while ssh runs. False with ERR: no ssh, no key,
 * no forwarded port. */
bool ssh_prepare(const struct settings *s, const char *command, long timeout_s, struct ssh *out,
		 struct error *err);

#endif
