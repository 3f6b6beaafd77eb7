/* fds.h - descriptors that go with a message over a unix socket (unix(7), SCM_RIGHTS). */
#ifndef VM_BASE_FDS_H
#define VM_BASE_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Descriptors of one message. */
#define FDS_MAX 4

/* Send the SIZE bytes at DATA over SOCKET with FLAGS, and with the COUNT descriptors at FDS. False
 * with errno. */
bool fds_send(int socket, const void *data, size_t size, const int *fds, size_t count, int flags);

/* The same over a stream, which may take a part of the data, and the descriptors with it. Returns
 * the bytes that were sent, -1 with errno. */
ssize_t fds_send_some(int socket, const void *data, size_t size, const int *fds, size_t count,
		      int flags);

/* Receive a message of at most SIZE bytes with FLAGS, and its descriptors into FDS, which has room
 * for COUNT; those that are not there are -1, and what there is no room for is closed. Returns the
 * bytes; -1 with errno: EMSGSIZE for a message that does not fit. */
ssize_t fds_receive(int socket, void *data, size_t size, int *fds, size_t count, int flags);

#endif
