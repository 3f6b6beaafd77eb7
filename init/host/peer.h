/* peer.h - where an accepted TCP connection comes from: from outside, from a process of this
 * machine, or from the emulator, which means from a program in the guest.
 *
 * QEMU's NAT maps the guest's gateway address to the loopback address of the network namespace that
 * QEMU runs in, and lets the guest connect to every other address of it as well; passt can do the
 * same. Such a connection is local, and the socket at its other end belongs to QEMU or passt.
 */
#ifndef VM_HOST_PEER_H
#define VM_HOST_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

enum peer_kind {
	PEER_REMOTE,   /* another machine or container */
	PEER_GATEWAY,  /* the gateway of a container's network: the container engine's host, which
			  is where connections to ports published on its loopback address come from
			*/
	PEER_LOCAL,    /* a process of this network namespace */
	PEER_EMULATOR, /* QEMU or passt, or it cannot be proved that it is neither */
};

/* What carries the guest's connections. */
struct emulator_peers {
	uid_t uid;	 /* QEMU's and passt's */
	pid_t pids[2];	 /* QEMU and passt; 0: does not run */
	bool nat;	 /* they make TCP connections for the guest (QEMU_NET=user, passt) */
	const char *tap; /* the interface whose other end is the guest; NULL: none */
};

#define PEER_TEXT (INET6_ADDRSTRLEN + 8)

/* Where does the accepted connection FD come from? TEXT gets its address and port.
 *
 * The owner of a local connection's other end is asked for by sock_diag(7), or read in
 * /proc/net/tcp. A user of its own tells the emulator; where others have the same user, the
 * socket's inode is looked for among the emulator's descriptors. An end that is closed already has
 * neither user nor inode: it is the emulator's if that makes connections at all, because a guest
 * decides when its connections are closed. */
enum peer_kind peer_kind(int fd, const struct emulator_peers *e, char text[PEER_TEXT]);

#endif
