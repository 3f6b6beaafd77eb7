/* peer.h - the origin of an accepted TCP connection: another machine, a process of this machine, or
 * the emulator, which means a program in the guest.
 *
 * QEMU's NAT maps the guest's gateway address to the loopback address of QEMU's network namespace,
 * and lets the guest connect to all other addresses of that namespace; passt can do the same. Such
 * a connection is local, and the socket at its other end belongs to QEMU or passt.
 */
#ifndef VM_HOST_PEER_H
#define VM_HOST_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

enum peer_kind {
	PEER_REMOTE,  /* another machine or container */
	PEER_GATEWAY, /* the gateway of a container's network, i.e. the container engine's host: the
			 source of connections to ports published on its loopback address */
	PEER_LOCAL,   /* a process of this network namespace */
	PEER_EMULATOR, /* QEMU or passt, or it cannot be proved to be neither */
};

/* The processes that carry the guest's connections. */
struct emulator_peers {
	uid_t uid;	 /* QEMU's and passt's */
	pid_t pids[2];	 /* QEMU and passt; 0: not running */
	bool nat;	 /* they make TCP connections for the guest (QEMU_NET=user, passt) */
	const char *tap; /* the interface whose other end is the guest; NULL: none */
};

#define PEER_TEXT (INET6_ADDRSTRLEN + 8)

/* Determine the origin of the accepted connection FD. TEXT receives its address and port.
 *
 * The owner of a local connection's other end is found with sock_diag(7) or in /proc/net/tcp. If
 * the emulator has a user of its own, that identifies it; if others share the user, the socket's
 * inode is looked up among the emulator's descriptors. An end that is already closed has neither
 * user nor inode: it is attributed to the emulator if that makes connections at all, because a
 * guest decides when its connections are closed.
 */
enum peer_kind peer_kind(int fd, const struct emulator_peers *e, char text[PEER_TEXT]);

#endif
