/* mux.h - one character device of QEMU and its clients.
 *
 * PID 1 holds the other end of QEMU's serial line (and of its monitor) and always drains it.
 * Output goes to an observer (log, boot phases) and into a ring of the last bytes, from which each
 * client is served at its own speed. A client that falls further behind than the ring is
 * disconnected and counted. Input goes to QEMU through a bounded queue; while that is full,
 * clients are not read.
 *
 * A client that has shut down its sending side (`printf 'x' | nc`) still gets output. If all slots
 * are taken, such a half-closed client is evicted for a new one.
 *
 * With a password, TCP connections are asked for it before they take a client's slot:
 * mux_password.c.
 *
 * The event loop calls relay_event() with each of the relay's references. The relay never blocks,
 * and allocates memory in relay_new() only.
 */
#ifndef VM_CONSOLE_MUX_H
#define VM_CONSOLE_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

/* New output of QEMU, in order, before any client gets it. */
typedef void relay_observer(const uint8_t *buf, size_t n, void *arg);
/* N bytes of input sent to QEMU, in order. */
typedef void relay_typed(const uint8_t *buf, size_t n, void *arg);
/* A telnet client has sent a break. Input that came with it follows. */
typedef void relay_break(void *arg);

/* Whether FD, just accepted on a TCP listener of the relay INDEX (its ref_index), may be served. */
typedef bool relay_admit(uint8_t index, int fd, void *arg);

/* All descriptors must be non-blocking and are taken over by the relay. */
struct relay_config {
	const char *name;  /* in messages: "serial console" */
	uint8_t ref_type;  /* loop_ref.type of the relay's descriptors */
	uint8_t ref_index; /* loop_ref.index; slot tells device, listeners, clients apart */
	int epoll;
	size_t ring_size;   /* bytes, at least 4096; half as much is added, so that a new client may
			       be slow, too */
	size_t replay_size; /* bytes replayed to a new client, without terminal queries
			       (format/replay.h); 0: none */
	bool replay_last_line; /* replay only the incomplete last line (a prompt), after the first
				  line of the device (a banner) */
	size_t clients_max;    /* of the listeners, at most 248, in addition to RELAY_ADOPTED */
	bool log_clients;      /* log each connection and disconnection */
	bool clear_line; /* erase unfinished input of a client that leaves, with the keys of QEMU's
			    monitor (^E, backspace) */
	const char *terminal_greeting; /* what a client of RELAY_TERMINAL has printed itself, to be
					  repeated if the replay clears the screen; may be NULL */
	const char *greeting; /* line (without its end, copied) for a new telnet client, before the
				 scrollback; may be NULL. Raw connections, which programs use, get
				 none */
	int telnet_listener;  /* -1: none */
	int rfc2217_listener; /* telnet with COM-PORT-OPTION, for programs: no greeting, no replay,
				 no password; -1: none */
	int raw_listener;     /* TCP without telnet; CR LF is received as one CR; -1: none */
	int unix_listener;    /* unchanged bytes, no password, never read-only; -1: none */
	bool read_only;	      /* discard input received by TCP */
	const char *password; /* required on TCP, at most RELAY_PASSWORD bytes; "" or NULL: none.
				 Read at each attempt */
	relay_observer *observe;
	relay_typed *typed; /* may be NULL */
	relay_break *on_break;
	relay_admit *admit; /* NULL: accept every connection */
	void *admit_arg;
	void *arg; /* for the functions above */
};

#define RELAY_PASSWORD 127

struct relay_stats {
	uint64_t bytes;			     /* from QEMU */
	uint64_t accepted, dropped, refused; /* clients: in total, too slow, over the limit */
	uint64_t wrong;			     /* wrong passwords */
	uint64_t evicted;		     /* to make room for another client */
	size_t clients;			     /* now, without half-closed ones */
	size_t half_closed;		     /* have shut down their sending side */
};

struct relay;

/* NULL with ERR (EXIT_INTERNAL: no memory, no descriptor) on failure. */
struct relay *relay_new(const struct relay_config *config, struct error *err);
void relay_free(struct relay *r);

/* Read QEMU's output from FROM and write input to TO from now on: two pipes, or a socket given
 * twice (where each byte of the guest takes a buffer of its own, which costs both sides more); -1,
 * -1: none. Clients stay connected, also to another QEMU: the rest of the former one's output is
 * read first, and input queued for it is discarded. End of file detaches. False with errno, and
 * both are closed. SIGPIPE must be ignored. */
bool relay_attach(struct relay *r, int from, int to);

/* An event of the loop whose reference has this relay's type and index. EVENTS as of epoll. */
void relay_event(struct relay *r, struct loop_ref ref, uint32_t events);

/* Slots for adopted clients, which clients of the listeners cannot take. */
#define RELAY_PROGRAMS	16
#define RELAY_TERMINALS 16

/* How a client is adopted. */
enum relay_how {
	RELAY_LIVE = 0,	      /* output from now on */
	RELAY_SCROLLBACK = 1, /* first what is in the ring */
	RELAY_READ_ONLY = 2,  /* discard its input */
	RELAY_TERMINAL = 4,   /* a terminal; if all their slots are taken, the longest idle one is
				 evicted (docker exec does not report a closed window) */
	RELAY_MARKED = 8,     /* REPLAY_MARK after the scrollback */
};

/* Whether relay_adopt() has a free slot for HOW. */
bool relay_has_slot(const struct relay *r, unsigned how);

/* FD, a connected stream socket, becomes a raw client (it may be blocking). HOW: bits of enum
 * relay_how. NUMBER identifies it for relay_ended(). False: no slot, and FD is closed. */
bool relay_adopt(struct relay *r, int fd, unsigned how, uint64_t number);

/* Why the connection of an adopted client was closed; kept for the last RELAY_ENDS of them. */
enum relay_end { RELAY_UNKNOWN, RELAY_DROPPED, RELAY_EVICTED };
#define RELAY_ENDS 32
enum relay_end relay_ended(const struct relay *r, uint64_t number);

/* Send N bytes to QEMU as if typed by a client. Returns the number of bytes taken (0 without a
 * QEMU). */
size_t relay_input(struct relay *r, const void *buf, size_t n);

/* Whether QEMU has not yet read all input. */
bool relay_unread(const struct relay *r);

/* Read the output that is there without waiting (the guest's last output, before an exit), and
 * send clients what their sockets take. */
void relay_flush(struct relay *r);

/* Copy the last N bytes (at most) of QEMU's output to BUF. Returns their number. */
size_t relay_tail(const struct relay *r, uint8_t *buf, size_t n);

void relay_stats(const struct relay *r, struct relay_stats *out);

#endif
