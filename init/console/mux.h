/* mux.h - one character device of QEMU and its clients.
 *
 * PID 1 holds the other end of QEMU's serial line (and of its monitor) and always drains it. Output
 * goes to an observer (log, phases) and into a ring of the last bytes, from which each client is
 * served at its own speed. A client that falls further behind than the ring holds is disconnected
 * and counted. Input goes to QEMU through a bounded queue; while it is full, clients are not read.
 *
 * A client that has shut down its sending side (`printf 'x' | nc`) still gets output. When all
 * places are taken, such a half-closed client, which may be gone, is evicted for a new one.
 *
 * If a password is set, TCP connections are asked for it before they get a client's place:
 * mux_password.c.
 *
 * The event loop calls relay_event() with each of the relay's references. The relay never blocks
 * and allocates in relay_new() only.
 */
#ifndef VM_CONSOLE_MUX_H
#define VM_CONSOLE_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

/* New bytes of QEMU's, in their order; no client has seen them yet. */
typedef void relay_observer(const uint8_t *buf, size_t n, void *arg);
/* N bytes that are typed into QEMU, in their order. */
typedef void relay_typed(const uint8_t *buf, size_t n, void *arg);
/* A telnet client asked for a serial break. What came with it is sent behind. */
typedef void relay_break(void *arg);

/* Is FD, just accepted on a TCP listener of the relay with INDEX (its ref_index), to be served? */
typedef bool relay_admit(uint8_t index, int fd, void *arg);

/* All descriptors must be non-blocking and become the relay's. */
struct relay_config {
	const char *name;  /* for people: "serial console" */
	uint8_t ref_type;  /* loop_ref.type of everything of this relay */
	uint8_t ref_index; /* loop_ref.index of it; slot tells device, listeners, clients apart */
	int epoll;
	size_t ring_size;      /* bytes, at least 4096; the ring has half as much again, so that the
				  newest client may be slow as well */
	size_t replay_size;    /* of these so many are replayed to a new client, without what a
				  terminal would answer (format/replay.h); 0: none */
	bool replay_last_line; /* of them only the line that is not complete (a prompt), behind
				  the first line that came (a banner) */
	size_t clients_max;    /* of the listeners, at most 248; RELAY_ADOPTED more are adopted */
	bool log_clients;      /* a log line for each that comes or goes */
	bool clear_line; /* what a client leaves typed without a return is erased, as QEMU's monitor
			    knows it (^E, backspace) */
	const char *terminal_greeting; /* what a client of RELAY_TERMINAL has shown by itself, for
					  the case that the replay clears it away; may be NULL */
	const char *greeting; /* line (without its end, copied) for a new telnet client, before the
				 scrollback; may be NULL. Raw connections are for programs: none */
	int telnet_listener;  /* -1: none */
	int rfc2217_listener; /* telnet with COM-PORT-OPTION, for programs: no greeting, nothing is
				 replayed, no password is asked; -1: none */
	int raw_listener;     /* TCP without telnet; CR LF that comes is one CR; -1: none */
	int unix_listener; /* every byte as it is; no password is asked there, and all may type; -1:
			      none */
	bool read_only;	   /* what comes by TCP is thrown away */
	const char *password; /* asked for on TCP, at most RELAY_PASSWORD bytes; "" or NULL: none.
				 Read each time a client answers */
	relay_observer *observe;
	relay_typed *typed; /* may be NULL */
	relay_break *on_break;
	relay_admit *admit; /* NULL: accept every connection */
	void *admit_arg;
	void *arg; /* of the others */
};

#define RELAY_PASSWORD 127

struct relay_stats {
	uint64_t bytes;			     /* from QEMU */
	uint64_t accepted, dropped, refused; /* clients: ever, too slow, over the limit */
	uint64_t wrong;			     /* passwords */
	uint64_t evicted;		     /* for another one */
	size_t clients;			     /* now, of those that may still type */
	size_t half_closed; /* those that have shut down their sending side, and may
			       be gone */
};

struct relay;

/* NULL with ERR (EXIT_INTERNAL: no memory, no descriptor) when it cannot be set up. */
struct relay *relay_new(const struct relay_config *config, struct error *err);
void relay_free(struct relay *r);

/* From now on FROM is read for QEMU's output, and input is written to TO: two pipes, or
 * a socket given twice (each byte of a guest's takes a buffer of its own there, which costs both
 * sides more); -1, -1: none. Clients stay connected, also when QEMU is another one now: what the
 * former one still had to say is read first, what was typed for it is thrown away. The end of the
 * stream detaches by itself. False with errno; both are closed then. SIGPIPE must be ignored. */
bool relay_attach(struct relay *r, int from, int to);

/* An event of the loop whose reference has this relay's type and index. EVENTS as of epoll. */
void relay_event(struct relay *r, struct loop_ref ref, uint32_t events);

/* Places for adopted clients, which clients of the listeners cannot take: some for programs,
 * others for terminals. */
#define RELAY_PROGRAMS	16
#define RELAY_TERMINALS 16

/* How a client is adopted. */
enum relay_how {
	RELAY_LIVE = 0,	      /* it gets what comes from now on */
	RELAY_SCROLLBACK = 1, /* and before that what the ring holds */
	RELAY_READ_ONLY = 2,  /* what it sends is thrown away */
	RELAY_TERMINAL = 4,   /* one of the terminals; if all their places are taken, the one that
				 was idle for the longest time is evicted (docker exec does not
				 report a closed window) */
};

/* Is there a place for relay_adopt() with this HOW? */
bool relay_has_place(const struct relay *r, unsigned how);

/* FD, a connected stream socket, becomes a raw client and the relay's (non-blocking is not needed).
 * HOW: bits of enum relay_how. NUMBER identifies it for relay_ended(). False: there is no place,
 * and FD is closed. */
bool relay_adopt(struct relay *r, int fd, unsigned how, uint64_t number);

/* Why the connection of an adopted client was closed; the last RELAY_ENDS of them are known. */
enum relay_end { RELAY_UNKNOWN, RELAY_DROPPED, RELAY_EVICTED };
#define RELAY_ENDS 32
enum relay_end relay_ended(const struct relay *r, uint64_t number);

/* Type N bytes into QEMU as if a client had; returns how many were taken (0 without a QEMU). */
size_t relay_input(struct relay *r, const void *buf, size_t n);

/* Is there something typed that QEMU has not read yet? */
bool relay_unread(const struct relay *r);

/* Take what is there without waiting (before an exit: the guest's last output), and give
 * clients a last chance, without blocking. */
void relay_flush(struct relay *r);

/* The last N bytes (at most) that came from QEMU, into BUF. Returns how many. */
size_t relay_tail(const struct relay *r, uint8_t *buf, size_t n);

void relay_stats(const struct relay *r, struct relay_stats *out);

#endif
