/* rate.h - how often each of many clients may ask for something: a token bucket for each of them,
 * kept as one time (the generic cell rate algorithm, ITU-T I.371).
 */
#ifndef VM_BASE_RATE_H
#define VM_BASE_RATE_H

#include <stddef.h>
#include <stdint.h>

/* Clients that are remembered. */
#define RATE_CLIENTS 256
#define RATE_KEY     17

struct rate {
	uint64_t each_ns; /* the time for one token */
	unsigned burst;
	size_t count;
	struct rate_client {
		uint8_t key[RATE_KEY];
		uint64_t full; /* when its bucket is full again */
	} clients[RATE_CLIENTS];
};

/* Take a token of the client KEY at NOW (ns). 0: there was one; else the seconds until there is
 * one. When there is no place for another client, the one whose bucket is full first is forgotten:
 * with a full bucket nothing is lost by that. */
unsigned rate_take(struct rate *r, const uint8_t key[RATE_KEY], uint64_t now);

/* The same without taking it. */
unsigned rate_wait(struct rate *r, const uint8_t key[RATE_KEY], uint64_t now);

/* The key of a client of the KIND at ADDRESS (16 bytes of IPv6; IPv4 is mapped): of an IPv6 address
 * only the network counts, its first 64 bits, of which a client can use all. */
void rate_key(const uint8_t address[16], uint8_t kind, uint8_t key[RATE_KEY]);

#endif
