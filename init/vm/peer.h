/* peer.h - the local programs that vm push and vm pull read from and write to. */
#ifndef VM_VM_PEER_H
#define VM_VM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "host/child.h"

/* A child process whose input or output is a pipe to this process; its messages go to a file. */
struct peer {
	pid_t pid;
	int fd; /* connected to its output or input */
	int words;
};

/* Start C, which is complete except for the descriptors. Its messages are its standard error or, if
 * WORDS_FD > 0, its output on that descriptor. READS: the pipe is the child's standard input. */
bool peer_start(struct peer *p, struct child *c, bool reads, int words_fd, struct error *err);

/* Wait for the child's end. Returns its exit status, 128 + n for a signal; SAID receives its last
 * message. If *STOPPED becomes non-zero, the child is ended with SIGTERM. */
int peer_end(struct peer *p, char *said, size_t size, const volatile int *stopped);

/* Descriptors of `vm unpack SUMS MEMBER NAME z|- MAX` (vm/cmd_unpack.c): the directory in which
 * MEMBER becomes NAME, the one in which it is unpacked first, and the file for the error. */
#define UNPACK_DEST_FD	3
#define UNPACK_STAGE_FD 4
#define UNPACK_WORDS_FD 5

/* The destination of a pull. */
struct destination {
	int dir;   /* parent directory of NAME */
	int stage; /* DIR, or the existing directory NAME */
	char name[256];
	struct identity identity; /* the directory's owner */
};

/* Open DEST (INTO: it must be a directory) for MEMBER. DEST itself is not followed if it is a
 * symbolic link. False with ERR. */
bool destination_open(struct destination *d, const char *dest, const char *member, bool into,
		      struct error *err);
void destination_close(struct destination *d);

/* Start vm unpack for MEMBER to D. */
bool destination_start(struct peer *p, const struct destination *d, const char *sums,
		       const char *member, bool gzip, uint64_t max_size, struct error *err);

#endif
