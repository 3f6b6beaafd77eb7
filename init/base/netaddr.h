/* netaddr.h - the network notations of settings: forwarded ports, addresses, networks. */
#ifndef VM_BASE_NETADDR_H
#define VM_BASE_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORWARDS_MAX 64

struct forward {
	bool udp;
	uint16_t port;	     /* on the host's side */
	uint16_t guest_port; /* in the guest */
};

/* Parse `[tcp:|udp:]PORT:GUESTPORT,...` (also QEMU's `tcp::2222-:22`, Docker's
 * `PORT:GUESTPORT/udp`, and `PORT/udp` for the same port in the guest; ports may be ranges
 * FIRST-LAST of equal length; `none` or "" is no forward) into OUT. Returns the number, or -1;
 * then *BAD points to the wrong item and *WHY says what is wrong with it. A port used twice in one
 * protocol is an error. */
int forwards_parse(const char *text, struct forward out[FORWARDS_MAX], const char **bad,
		   const char **why);

struct sockaddr_storage;

/* Parse an IPv4 address in dotted decimal, or an IPv6 address without a zone, into OUT, with PORT.
 * Returns the length of the struct, 0 for other text. */
unsigned address_parse(const char *text, uint16_t port, struct sockaddr_storage *out);

/* Parse an IPv4 address in dotted decimal, into host byte order. */
bool ipv4_parse(const char *text, uint32_t *out);

/* Parse ADDRESS/BITS with zero host bits, 8..30 bits (slirp needs room for its own addresses). */
bool cidr_parse(const char *text, uint32_t *network, uint32_t *mask);

/* Parse ADDRESS/BITS of an interface in a network of 8..30 bits. */
bool interface_address_parse(const char *text, uint32_t *address, uint32_t *mask);

/* A network between machines that exchange frames as datagrams. */
struct net_socket {
	enum { NET_SOCKET_MCAST, NET_SOCKET_UDP, NET_SOCKET_UNIX } kind;
	struct net_end {
		char where[108]; /* an address or host name; a path, up to the limit of unix(7) */
		uint16_t port;
	} own, other; /* own is unused with MCAST */
};

/* Parse `mcast:ADDRESS:PORT`, `udp:ADDRESS:PORT,HOST:PORT` or `unix:/PATH,/PATH`. False: *WHY says
 * what is wrong. */
bool net_socket_parse(const char *text, struct net_socket *out, const char **why);

/* Whether TEXT is xx:xx:xx:xx:xx:xx and not a multicast address. */
bool mac_valid(const char *text);

#endif
