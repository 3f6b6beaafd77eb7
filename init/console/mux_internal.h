/* mux_internal.h - shared by the files mux*.c: device, listeners, clients, passwords.
 *
 * All bytes of QEMU's have a position, which only grows; the ring keeps the last `capacity` of
 * them. `head` is where the next one goes, `delivered` how far the observer has come; clients
 * follow `delivered`, each with a position of its own, so that no client gets bytes that the log
 * lacks.
 */
#ifndef VM_CONSOLE_MUX_INTERNAL_H
#define VM_CONSOLE_MUX_INTERNAL_H

#include <sys/uio.h>

#include "console/mux.h"
#include "format/replay.h"
#include "format/telnet.h"

#define INPUT_QUEUE 4096 /* bytes that were typed and QEMU has not taken */
#define INPUT_READ  1024 /* most that is read from a client at once */

/* loop_ref.slot: a client's place in the low byte, and in the high byte the generation of the one
 * in it: an event of a client that has left must not reach the next one in its place, which may
 * have the same descriptor. Everything else has generation 0xff. */
#define GENERATIONS	 0xffu
#define SLOT_FROM	 0xffffu
#define SLOT_TO		 0xfffbu
#define SLOT_TELNET	 0xfffeu
#define SLOT_RAW	 0xfffdu
#define SLOT_TICK	 0xfffcu
#define SLOT_UNIX	 0xfffau
#define SLOT_AUTH_TIMER	 0xfff9u /* time limits of the password */
#define SLOT_RFC2217	 0xfff8u
#define SLOT_AUTH_CLIENT 0xff00u /* and AUTH_CLIENTS_MAX more: asked for the password */
#define AUTH_CLIENTS_MAX 64
/* Of the ring's bytes so many are filtered at once for a client that is being replayed to; they
 * take twice as much room where telnet doubles each. */
#define REPLAY_CHUNK  4000
#define PENDING_MAX   (2 * (REPLAY_CHUNK + REPLAY_HELD))
#define RELAY_ADOPTED (RELAY_PROGRAMS + RELAY_TERMINALS)
#define LAST_LINE     256 /* longest line that is repeated behind a greeting */
#define CLIENTS_MOST  256 /* with the adopted ones, which have the first places */

struct client {
	bool used; /* false: the place is free, as untouched memory is */
	int fd;
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
	bool no_output;	   /* it reads no more: nothing is sent */
	bool half_sent;	   /* telnet: of the byte at `position`, an 0xFF, the first half went out */
	bool program;	   /* no terminal: it answers no questions */
	bool answers;	   /* it has answered one */
	bool greeted;	   /* it gets the greeting */
	bool replaying;	   /* what it gets goes through `replay` and `pending` */
	uint32_t watched;
	uint64_t position;	     /* of the next byte it gets, behind those in `pending` */
	uint64_t replay_end;	     /* from there on it is live */
	uint64_t id;		     /* of this relay's clients, from 1 on */
	uint64_t number;	     /* of an adopted one, for relay_ended() */
	uint64_t since_ns, typed_ns; /* when it came; when it last typed */
	uint64_t typed;		     /* bytes */
	char who[80];		     /* for people, with log_clients */
	const char *greeting;
	size_t greeting_len, greeting_sent; /* bytes */
	size_t reply_len;		    /* telnet: answers that are not sent yet */
	struct telnet telnet_state;
	uint8_t reply[TELNET_START + INPUT_READ + 32];
	struct replay replay;
	size_t pending_len, pending_sent;
	uint8_t pending[PENDING_MAX]; /* filtered, encoded, and not all sent yet */
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
	size_t slots; /* clients[0..slots) may be used, the rest never was */
	size_t greeting_len, terminal_greeting_len;
	uint64_t ids;	     /* given so far */
	uint64_t answerer;   /* id of the client whose answers count; 0: whoever is first */
	uint64_t line_owner; /* clear_line: id of the client that typed into the present line */
	size_t line_len;     /* and how many bytes it may have */
	struct {
		uint64_t number;
		enum relay_end why;
	} ends[RELAY_ENDS];
	unsigned ends_next;
	size_t input_len;
	bool input_waited; /* a client has more to type than there was room for */
	uint8_t *ring;
	struct client *clients;
	struct auth *auth; /* NULL: no password */
	size_t banner_len;
	char greeting[256], terminal_greeting[256];
	char banner[128]; /* the device's first line, where only the last one is replayed */
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

/* What an event of SLOT is registered with. */
static inline struct loop_ref slot_ref(const struct relay *r, unsigned slot)
{
	return (struct loop_ref){
		.type = r->config.ref_type, .index = r->config.ref_index, .slot = (uint16_t)slot};
}

/* mux_device.c */
size_t input_room(const struct relay *r);
void input_send(struct relay *r);
/* N bytes behind those that wait in the queue are typed. */
void input_add(struct relay *r, size_t n);
void watch_device(struct relay *r);

/* mux_client.c */
/* C leaves. */
void client_let_go(struct relay *r, struct client *c);
/* The same, and an adopted one can ask why. */
void client_end(struct relay *r, struct client *c, enum relay_end why);
/* Wait for what C can be served with now. */
void client_watch(struct relay *r, struct client *c);
/* C sends no more: erase what it has typed without a return. */
void client_clear_line(struct relay *r, const struct client *c);

/* mux_admit.c */
/* FD, from the listener of SLOT, becomes a client. A telnet one whose negotiation has begun brings
 * its STATE along, else NULL. AFTER_CR: see struct client. */
void client_welcome(struct relay *r, int fd, unsigned slot, const struct telnet *state,
		    bool after_cr);
/* FD is told that there is no place, and closed. */
void client_refuse(struct relay *r, int fd);
void clients_close(struct relay *r);

/* mux_accept.c */
/* Accept the connections that wait on the listener of SLOT_TELNET, SLOT_RAW, SLOT_RFC2217 or
 * SLOT_UNIX. */
void clients_accept(struct relay *r, unsigned slot);

/* mux_input.c */
void clients_resume_input(struct relay *r);
void client_event(struct relay *r, struct loop_ref ref, uint32_t events);

/* mux_output.c */
/* C begins with a replay, if ALL, else with what comes from now on. */
void replay_begin(const struct relay *r, struct client *c, bool all);
/* Send what C lacks, as far as that goes without waiting. False: it is gone now. */
bool client_serve(struct relay *r, struct client *c);
/* C does not read any more. What it typed before it left may still have to be read. */
void client_stop_output(struct client *c);
void clients_send(struct relay *r, bool blocked_too);
/* N more bytes are about to come: clients that they would overtake get a last chance. */
void clients_make_room(struct relay *r, size_t n);
void clients_drop_slow(struct relay *r);

/* mux_password.c */
bool auth_open(struct relay *r);
void auth_close(struct relay *r);
/* FD has just come and is asked for the password. */
void auth_ask(struct relay *r, int fd, bool telnet);
/* An event of SLOT_AUTH_TIMER or SLOT_AUTH_CLIENT. */
void auth_event(struct relay *r, struct loop_ref ref, uint32_t events);

#endif
