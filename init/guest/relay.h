/* relay.h - one character device of QEMU, and everybody who is connected to it.
 *
 * PID 1 holds the other end of QEMU's serial line (and of its monitor) and drains it always: what
 * comes goes to an observer (log, phases), to a ring of the last bytes, and from the ring to every
 * client at that client's own speed. A client that falls behind by more than the
 * ring holds is dropped and counted. What clients type goes to QEMU through a bounded queue; when
 * it is full, clients are not read until there is room.
 *
 * Who has shut down his sending side (`printf 'x' | nc`) still gets output; only when all places
 * are taken such a one, who may as well be gone, makes room for a newcomer.
 *
 * Where a password is set, who comes by TCP is asked for it first, before he takes a client's
 * place: see relay_door.c.
 *
 * The event loop calls relay_event() with each of the relay's references. The relay never blocks
 * and allocates in relay_new() only.
 */
#ifndef VM_GUEST_RELAY_H
#define VM_GUEST_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

/* New bytes of QEMU's, in their order; no client has seen them yet. */
typedef void relay_observer(const uint8_t *buf, size_t n, void *arg);
/* A telnet client asked for a serial break. What came with it is sent behind. */
typedef void relay_break(void *arg);

/* What the caller decides; all descriptors must be non-blocking and become the relay's. */
struct relay_config {
	const char *name;  /* for people: "serial console" */
	uint8_t ref_type;  /* loop_ref.type of everything of this relay */
	uint8_t ref_index; /* loop_ref.index of it; slot tells device, listeners, clients apart */
	int epoll;
	size_t ring_size;     /* scrollback in bytes, at least 4096; the ring has half as much
				 again, so that the newest client may be slow as well */
	size_t clients_max;   /* of the listeners, at most 248; RELAY_ADOPTED more are adopted */
	const char *greeting; /* line (without its end, copied) for a newcomer by telnet, before the
				 scrollback; may be NULL. Raw connections are for programs: none */
	int telnet_listener;  /* -1: none */
	int raw_listener;     /* TCP without telnet; CR LF that comes is one CR; -1: none */
	int unix_listener; /* every byte as it is; no password is asked there, and all may type; -1:
			      none */
	bool read_only;	   /* what comes by TCP is thrown away */
	const char *password; /* asked for on TCP, at most RELAY_PASSWORD bytes; "" or NULL: none.
				 The relay reads it whenever somebody answers */
	relay_observer *observe;
	relay_break *on_break;
	void *arg;
};

#define RELAY_PASSWORD 127

struct relay_stats {
	uint64_t bytes;			     /* from QEMU */
	uint64_t accepted, dropped, refused; /* clients: ever, too slow, over the limit */
	uint64_t wrong;			     /* passwords */
	size_t clients;			     /* now */
};

struct relay;

/* NULL with ERR (EXIT_INTERNAL: no memory, no descriptor) when it cannot be set up. */
struct relay *relay_new(const struct relay_config *config, struct error *err);
void relay_free(struct relay *r);

/* From now on FROM is read for QEMU's output, and what people type is written to TO: two pipes, or
 * a socket given twice (each byte of a guest's takes a buffer of its own there, which costs both
 * sides more); -1, -1: none. Clients stay connected, also when QEMU is another one now: what the
 * former one still had to say is read first, what was typed for it is thrown away. The end of the
 * stream detaches by itself. False with errno; both are closed then. SIGPIPE must be ignored. */
bool relay_attach(struct relay *r, int from, int to);

/* An event of the loop whose reference has this relay's type and index. EVENTS as of epoll. */
void relay_event(struct relay *r, struct loop_ref ref, uint32_t events);

/* Places for adopted clients, which those of the listeners cannot take. */
#define RELAY_ADOPTED 8

/* How a client is adopted. */
enum relay_how {
	RELAY_LIVE = 0,	      /* it gets what comes from now on */
	RELAY_SCROLLBACK = 1, /* and before that what the ring holds */
	RELAY_READ_ONLY = 2,  /* what it sends is thrown away */
};

/* Is there a place for relay_adopt()? */
bool relay_has_place(const struct relay *r);

/* FD, a connected stream socket, becomes a raw client and the relay's (non-blocking is not needed).
 * HOW is or-ed of enum relay_how. False when there is no place: FD is closed then. */
bool relay_adopt(struct relay *r, int fd, unsigned how);

/* Type N bytes into QEMU as if a client had; returns how many were taken (0 without a QEMU). */
size_t relay_input(struct relay *r, const void *buf, size_t n);

/* Take what is there without waiting (before an exit: the guest's last words), and give clients a
 * last chance, without blocking. */
void relay_flush(struct relay *r);

/* The last N bytes (at most) that came from QEMU, into BUF. Returns how many. */
size_t relay_tail(const struct relay *r, uint8_t *buf, size_t n);

void relay_stats(const struct relay *r, struct relay_stats *out);

#endif
