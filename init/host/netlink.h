/* netlink.h - queries the kernel about sockets, routes and interfaces: sock_diag(7), rtnetlink(7).
 * No privileges are needed. Each query is one request on its own socket, which the kernel answers
 * before send(2) returns. */
#ifndef VM_HOST_NETLINK_H
#define VM_HOST_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The owner of a TCP socket. */
struct tcp_owner {
	uint32_t uid;	/* in our user namespace */
	uint32_t inode; /* 0: no process holds it any more, and UID is meaningless */
};

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_UNKNOWN };

/* Find the connected TCP socket of this network namespace that is bound to LOCAL with the peer
 * REMOTE (both of the same family, AF_INET or AF_INET6). NO: there is none. UNKNOWN: the kernel
 * cannot be queried (no CONFIG_INET_DIAG, no netlink). */
enum answer netlink_tcp_owner(const struct sockaddr_storage *local,
			      const struct sockaddr_storage *remote, struct tcp_owner *out);

/* Does ADDRESS belong to this network namespace? *INTERFACE becomes the index of the interface that
 * leads there, 0 if unknown. */
enum answer netlink_is_local(const struct sockaddr_storage *address, unsigned *interface);

/* Copy the kind of a virtual interface ("veth", "bridge", "tun"; "" for hardware) to KIND. False:
 * there is no such interface, or the kernel cannot be queried. */
#define LINK_KIND_MAX 32
bool netlink_link_kind(const char *name, char kind[LINK_KIND_MAX]);

/* Find the first interface that a container's network never has, hardware or a bridge; its name
 * goes to NAME. NO: there is none, so this is a container's network. */
enum answer netlink_host_interface(char name[IF_NAMESIZE]);

#endif
