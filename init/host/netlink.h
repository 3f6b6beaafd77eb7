/* netlink.h - questions to the kernel about sockets, routes and interfaces: sock_diag(7),
 * rtnetlink(7). None of them needs a privilege. Each is one request on a socket of its own,
 * answered by the kernel before send(2) returns.
 */
#ifndef VM_HOST_NETLINK_H
#define VM_HOST_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The owner of a TCP socket. */
struct tcp_owner {
	uint32_t uid;	/* in our user namespace */
	uint32_t inode; /* 0: no process holds it any more; UID means nothing then */
};

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_UNKNOWN };

/* The connected TCP socket of this network namespace that is bound to LOCAL and whose other end is
 * REMOTE (both of the same family, AF_INET or AF_INET6). NO: there is none. UNKNOWN: the kernel
 * cannot be asked (no CONFIG_INET_DIAG, no netlink). */
enum answer netlink_tcp_owner(const struct sockaddr_storage *local,
			      const struct sockaddr_storage *remote, struct tcp_owner *out);

/* Is ADDRESS one of this network namespace's own? *INTERFACE becomes the index of the interface
 * that leads there, 0 when none is known. */
enum answer netlink_is_local(const struct sockaddr_storage *address, unsigned *interface);

/* What a virtual interface is ("veth", "bridge", "tun"; "" for hardware), into KIND. False: there
 * is no such interface, or the kernel cannot be asked. */
#define LINK_KIND_MAX 32
bool netlink_link_kind(const char *name, char kind[LINK_KIND_MAX]);

/* The first interface that a container's network never has, into NAME: hardware or a bridge. NO:
 * there is none, so this is a container's network. */
enum answer netlink_host_interface(char name[IF_NAMESIZE]);

#endif
