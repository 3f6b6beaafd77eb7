/* netaddr.h - the network notations that settings use: forwards, addresses, networks. */
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

/* Parse `[tcp:|udp:]PORT:GUESTPORT,...` (also QEMU's `tcp::2222-:22`; `none` or "" is no forward)
 * into OUT. Returns how many, or -1; then *BAD points at the item that is wrong and *WHY says
 * what is wrong with it. The same port twice in one protocol is an error. */
int forwards_parse(const char *text, struct forward out[FORWARDS_MAX], const char **bad,
		   const char **why);

/* An IPv4 address in dotted decimal, host byte order. */
bool ipv4_parse(const char *text, uint32_t *out);

/* ADDRESS/BITS with 0 host bits, 8..30 bits (slirp needs room for its own addresses). */
bool cidr_parse(const char *text, uint32_t *network, uint32_t *mask);

/* xx:xx:xx:xx:xx:xx, not a multicast address. */
bool mac_valid(const char *text);

#endif
