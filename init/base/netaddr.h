/* netaddr.h - the network notations of settings: forwarded ports, addresses, networks. */
#ifndef VM_BASE_NETADDR_H
#define VM_BASE_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORWARDS_MAX 64

struct forward {
	bool udp;
	uint16_t port;	/* on our side */
	uint16_t guest; /* in the guest */
};

/* Parse `[tcp:|udp:]PORT:GUESTPORT,...` (also QEMU's `tcp::2222-:22`, Docker's
 * `PORT:GUESTPORT/udp`, and `PORT/udp` for the same port in the guest; ports may be ranges
 * FIRST-LAST of one length; `none` or "" is no forward) into OUT. Returns how many, or -1; then
 * *BAD points at the item that is wrong and *WHY says what is wrong with it. The same port twice in
 * one protocol is an error. */
int forwards_parse(const char *text, struct forward out[FORWARDS_MAX], const char **bad,
		   const char **why);

/* An IPv4 address in dotted decimal, host byte order. */
bool ipv4_parse(const char *text, uint32_t *out);

/* ADDRESS/BITS with 0 host bits, 8..30 bits (slirp needs room for its own addresses). */
bool cidr_parse(const char *text, uint32_t *network, uint32_t *mask);

/* ADDRESS/BITS of an interface in a network of 8..30 bits. */
bool interface_address_parse(const char *text, uint32_t *address, uint32_t *mask);

/* Where machines on a network of their own exchange frames as datagrams. */
struct net_socket {
	enum { NET_SOCKET_MCAST, NET_SOCKET_UDP, NET_SOCKET_UNIX } kind;
	struct net_end {
		char where[108]; /* an address or a host's name; a path, as long as unix(7) allows
				  */
		uint16_t port;
	} own, other; /* MCAST: no own one */
};

/* Parse `mcast:ADDRESS:PORT`, `udp:ADDRESS:PORT,HOST:PORT` or `unix:/PATH,/PATH`. False: *WHY says
 * what is wrong. */
bool net_socket_parse(const char *text, struct net_socket *out, const char **why);

/* xx:xx:xx:xx:xx:xx, not a multicast address. */
bool mac_valid(const char *text);

#endif
