/* relay_internal.h - what relay.c (device, listeners), relay_client.c (people) and relay_door.c
 * (who is asked for the password) share.
 *
 * All bytes of QEMU's have a position, which only grows; the ring keeps the last `capacity` of
 * them. `head` is where the next one goes, `delivered` how far the observer has come; clients
 * follow `delivered`, each with a position of its own, so that nobody sees what the log lacks.
 */
#ifndef VM_GUEST_RELAY_INTERNAL_H
#define VM_GUEST_RELAY_INTERNAL_H

#include <sys/uio.h>

#include "format/telnet.h"
#include "guest/relay.h"

#define INPUT_QUEUE 4096 /* bytes that were typed and QEMU has not taken */
#define INPUT_READ  1024 /* most that is read from a client at once */

/* loop_ref.slot: a client's place in the low byte and in the high byte the generation of who holds
 * it, so that an event for someone who has left cannot hit the newcomer on his place (who may even
 * have his descriptor); everything else has generation 0xff. */
#define GENERATIONS  0xffu
#define SLOT_FROM    0xffffu
#define SLOT_TO	     0xfffbu
#define SLOT_TELNET  0xfffeu
#define SLOT_RAW     0xfffdu
#define SLOT_TICK    0xfffcu
#define SLOT_UNIX    0xfffau
#define SLOT_DOOR    0xfff9u /* the door's timer */
#define SLOT_CALLER  0xff00u /* and CALLERS_MAX more: who is asked for the password */
#define CALLERS_MAX  16
#define CLIENTS_MOST 256 /* with the adopted ones, who have the first places */

struct client {
	int fd; /* -1: free */
	uint8_t generation;
	bool telnet;
	bool read_only;	   /* what it sends is not for the guest */
	bool one_line_end; /* of what it sends, CR LF is one CR: raw connections of people (PuTTY's,
			      in its ldisc.c) send that */
	bool after_cr;	   /* the last byte was a CR, and an LF behind it is not to be sent */
	bool registered;   /* in epoll, for `watched` */
	bool blocked;	   /* its socket is full */
	bool input_waits;  /* what it typed waits for room in the queue */
	bool half_closed;  /* it sends no more, and may still be reading */
	bool deaf;	   /* it does not read any more */
	bool half_sent;	   /* telnet: of the byte at `position`, an 0xFF, the first half went out */
	uint32_t watched;
	uint64_t position;    /* of the next byte it gets */
	size_t greeting_sent; /* bytes */
	size_t reply_len;     /* telnet: answers that are not sent yet */
	struct telnet telnet_state;
	uint8_t reply[TELNET_START + INPUT_READ + 32];
};

struct relay {
	struct relay_config config;
	struct relay_stats stats;
	int from, to; /* QEMU's output and input, maybe the same socket; -1: none */
	uint32_t from_watched, to_watched;
	int tick;  /* timerfd of the flood mode */
	int spare; /* given up for a moment when descriptors run out */
	bool resting;
	unsigned quick_reads;
	uint64_t last_read_ns, last_delivery_ns;
	size_t capacity; /* of the ring */
	uint64_t head, delivered;
	size_t slots; /* clients[0..slots) have been used, the rest is untouched memory */
	size_t greeting_len;
	size_t input_len;
	uint8_t *ring;
	struct client *clients;
	struct door *door; /* NULL: no password */
	char greeting[256];
	uint8_t input[INPUT_QUEUE];
};

/* The bytes from POSITION on up to END that lie in one piece; *N how many. */
static inline const uint8_t *ring_span(const struct relay *r, uint64_t position, uint64_t end,
				       size_t *n)
{
	size_t offset = (size_t)(position % r->capacity);
	uint64_t left = end - position;

	*n = left < r->capacity - offset ? (size_t)left : r->capacity - offset;
	return r->ring + offset;
}

/* relay.c */
size_t input_room(const struct relay *r);
void input_send(struct relay *r);

/* relay_client.c */
void clients_init(struct relay *r);
/* Accept who waits on the listener of SLOT_TELNET, SLOT_RAW or SLOT_UNIX. */
void clients_accept(struct relay *r, unsigned slot);
/* FD, from the listener of SLOT, becomes a client. A telnet one whose negotiation has begun brings
 * its STATE along, else NULL. AFTER_CR: see struct client. */
void client_welcome(struct relay *r, int fd, unsigned slot, const struct telnet *state,
		    bool after_cr);
/* FD is told that there is no place, and closed. */
void client_refuse(struct relay *r, int fd);
void clients_send(struct relay *r, bool blocked_too);
void clients_make_room(struct relay *r, size_t n);
void clients_drop_slow(struct relay *r);
void clients_resume_input(struct relay *r);
void clients_close(struct relay *r);
void client_event(struct relay *r, struct loop_ref ref, uint32_t events);

/* relay_door.c */
bool door_open(struct relay *r);
void door_close(struct relay *r);
/* FD has just come and is asked for the password. */
void door_ask(struct relay *r, int fd, bool telnet);
/* An event of SLOT_DOOR or SLOT_CALLER. */
void door_event(struct relay *r, struct loop_ref ref, uint32_t events);

#endif
