/* mux_internal.h - shared by the files mux*.c: device, listeners, clients, passwords.
 *
 * Each byte of QEMU's output has a position, which only grows; the ring has the last `capacity`
 * bytes. `head` is the position of the next byte, `delivered` that of the observer. Clients have
 * positions of their own and follow `delivered`, so that no client gets bytes that the log lacks.
 */
#ifndef VM_CONSOLE_MUX_INTERNAL_H
#define VM_CONSOLE_MUX_INTERNAL_H

#include <sys/uio.h>

#include "console/mux.h"
#include "format/replay.h"
#include "format/telnet.h"

#define INPUT_QUEUE 4096 /* input that QEMU has not taken yet, bytes */
#define INPUT_READ  1024 /* bytes read from a client at once */

/* loop_ref.slot: a client's slot in the low byte, and its generation in the high byte, because a
 * late event of a client that has left must not reach its successor, which may have the same
 * descriptor. Everything else has generation 0xff. */
#define GENERATIONS	 0xffu
#define SLOT_FROM	 0xffffu
#define SLOT_TO		 0xfffbu
#define SLOT_TELNET	 0xfffeu
#define SLOT_RAW	 0xfffdu
#define SLOT_TICK	 0xfffcu
#define SLOT_UNIX	 0xfffau
#define SLOT_AUTH_TIMER	 0xfff9u /* timer of the password's limits */
#define SLOT_RFC2217	 0xfff8u
#define SLOT_AUTH_CLIENT 0xff00u /* and AUTH_CLIENTS_MAX more: being asked for the password */
#define AUTH_CLIENTS_MAX 64
/* Bytes of the ring that are filtered at once for a replay; twice as much room is needed where
 * telnet doubles each of them. */
#define REPLAY_CHUNK  4000
#define PENDING_MAX   (2 * (REPLAY_CHUNK + REPLAY_HELD))
#define RELAY_ADOPTED (RELAY_PROGRAMS + RELAY_TERMINALS)
#define LAST_LINE     256 /* longest line that is repeated after a greeting */
#define CLIENTS_MOST  256 /* including the adopted ones, which have the first slots */

struct console_client {
	bool used; /* false: the slot is free, as in untouched memory */
	int fd;
	uint8_t generation;
	bool telnet;
	bool read_only;	   /* its input is discarded */
	bool one_line_end; /* CR LF of its input is one CR: raw clients such as PuTTY (ldisc.c) send
			      that */
	bool after_cr;	   /* the last byte was a CR: drop a following LF */
	bool registered;   /* registered in epoll for `watched` */
	bool blocked;	   /* its socket is full */
	bool input_waits;  /* its input waits for room in the queue */
	bool half_closed;  /* has shut down its sending side; may still read */
	bool no_output;	   /* does not read any more: nothing is sent */
	bool half_sent;	   /* telnet: the first half of an escaped 0xFF at `position` was sent */
	bool program;	   /* not a terminal: does not answer queries */
	bool answers;	   /* has answered a query */
	bool greeted;	   /* gets the greeting */
	bool marked;	   /* REPLAY_MARK is to be sent where the scrollback ends */
	bool replaying;	   /* output goes through `replay` and `pending` */
	uint32_t watched;
	uint64_t position;	     /* of the next byte, after those in `pending` */
	uint64_t replay_end;	     /* where the replay ends */
	uint64_t id;		     /* unique in this relay, from 1 on */
	uint64_t number;	     /* of an adopted client, for relay_ended() */
	uint64_t since_ns, typed_ns; /* connected at; last input at */
	uint64_t typed;		     /* bytes of input */
	char peer[80];		     /* description in log lines, with log_clients */
	const char *greeting;
	size_t greeting_len, greeting_sent; /* bytes */
	size_t reply_len;		    /* telnet: replies that were not sent yet */
	struct telnet telnet_state;
	uint8_t reply[TELNET_START + INPUT_READ + 32];
	struct replay replay;
	size_t pending_len, pending_sent;
	uint8_t pending[PENDING_MAX]; /* filtered and encoded, not all sent yet */
};

struct relay {
	struct relay_config config;
	struct relay_stats stats;
	int from, to; /* QEMU's output and input, possibly the same socket; -1: none */
	uint32_t from_watched, to_watched;
	int tick;  /* timerfd for reading in intervals */
	int spare; /* closed for a moment when descriptors run out */
	bool resting;
	unsigned quick_reads, empty_reads;
	uint64_t last_read_ns, last_delivery_ns;
	size_t capacity; /* of the ring */
	uint64_t head, delivered;
	size_t slots; /* clients[0..slots) may be used; the rest was never touched */
	size_t greeting_len, terminal_greeting_len;
	uint64_t ids;	   /* the last id given */
	uint64_t answerer; /* id of the client whose answers to queries pass; 0: the first client */
	uint64_t line_owner; /* clear_line: id of the client with unfinished input */
	size_t line_len;     /* upper bound of its length */
	struct {
		uint64_t number;
		enum relay_end why;
	} ends[RELAY_ENDS];
	unsigned ends_next;
	size_t input_len;
	bool input_waited; /* a client has more input than there was room for */
	uint8_t *ring;
	struct console_client *clients;
	struct auth *auth; /* NULL: no password */
	size_t banner_len;
	char greeting[256], terminal_greeting[256];
	char banner[128]; /* the device's first line, if only the last one is replayed */
	uint8_t input[INPUT_QUEUE];
};

/* The contiguous bytes from POSITION up to END; *N is their number. */
static inline const uint8_t *ring_span(const struct relay *r, uint64_t position, uint64_t end,
				       size_t *n)
{
	size_t offset = (size_t)(position % r->capacity);
	uint64_t left = end - position;

	*n = left < r->capacity - offset ? (size_t)left : r->capacity - offset;
	return r->ring + offset;
}

/* The reference of SLOT's events. */
static inline struct loop_ref slot_ref(const struct relay *r, unsigned slot)
{
	return (struct loop_ref){
		.type = r->config.ref_type, .index = r->config.ref_index, .slot = (uint16_t)slot};
}

/* mux_device.c */
size_t input_room(const struct relay *r);
void input_send(struct relay *r);
/* Append N bytes, which are already behind those in the queue, to the queue. */
void input_add(struct relay *r, size_t n);
void watch_device(struct relay *r);

/* mux_client.c */
/* Close C. */
void client_let_go(struct relay *r, struct console_client *c);
/* The same; WHY is kept for an adopted client. */
void client_end(struct relay *r, struct console_client *c, enum relay_end why);
/* Register C for the events that matter now. */
void client_watch(struct relay *r, struct console_client *c);
/* C has ended its input: erase its unfinished line. */
void client_clear_line(struct relay *r, const struct console_client *c);

/* mux_admit.c */
/* FD, from the listener of SLOT, becomes a client. A telnet client that has begun to negotiate
 * brings its STATE; else NULL. AFTER_CR: see struct console_client. */
void client_welcome(struct relay *r, int fd, unsigned slot, const struct telnet *state,
		    bool after_cr);
/* Tell FD that there is no free slot, and close it. */
void client_refuse(struct relay *r, int fd);
void clients_close(struct relay *r);

/* mux_accept.c */
/* Accept pending connections of the listener SLOT_TELNET, SLOT_RAW, SLOT_RFC2217 or SLOT_UNIX. */
void clients_accept(struct relay *r, unsigned slot);

/* mux_input.c */
void clients_resume_input(struct relay *r);
void client_event(struct relay *r, struct loop_ref ref, uint32_t events);

/* mux_output.c */
/* Begin C's output: with a replay if ALL, else with new output. */
void replay_begin(const struct relay *r, struct console_client *c, bool all);
/* Send C as much as its socket takes. False: it has disconnected. */
bool client_serve(struct relay *r, struct console_client *c);
/* C does not read any more. Input that it has sent may still be read. */
void client_stop_output(struct console_client *c);
void clients_send(struct relay *r, bool blocked_too);
/* N more bytes are about to come: serve clients that would be overtaken by them once more. */
void clients_make_room(struct relay *r, size_t n);
void clients_drop_slow(struct relay *r);

/* mux_password.c */
bool auth_open(struct relay *r);
void auth_close(struct relay *r);
/* Ask FD, which has just connected, for the password. */
void auth_ask(struct relay *r, int fd, bool telnet);
/* An event of SLOT_AUTH_TIMER or SLOT_AUTH_CLIENT. */
void auth_event(struct relay *r, struct loop_ref ref, uint32_t events);

#endif
