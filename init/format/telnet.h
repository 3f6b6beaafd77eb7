/* telnet.h - the server's side of the telnet protocol (RFC 854, 856, 857, 858, 1143), as a codec:
 * bytes in, bytes and events out, no I/O. State is kept across reads.
 */
#ifndef VM_FORMAT_TELNET_H
#define VM_FORMAT_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telnet {
	uint8_t state;	     /* of the parser */
	uint8_t verb;	     /* WILL..DONT under way */
	bool cr;	     /* the last data byte was CR (only while the peer is not in BINARY) */
	uint16_t sb_len;     /* bytes of the sub-negotiation so far, capped */
	bool we[256];	     /* options that we said WILL for */
	bool they[256];	     /* options that they said WILL for and we accepted */
	uint8_t refused[32]; /* bit set: an unknown option that was refused once */
};

enum telnet_event { TELNET_BREAK = 1, TELNET_INTERRUPT = 2, TELNET_AYT = 4 };

/* The bytes to send first: WILL ECHO, WILL SGA, WILL BINARY, DO BINARY. Returns the length. */
size_t telnet_start(struct telnet *t, uint8_t out[16]);

/* Decode N bytes at IN: data for the guest to OUT (at most N bytes; IN == OUT is allowed), answers
 * for the peer to REPLY (at most 3 bytes for each byte of N; *REPLY_LEN in: room, out: used; when
 * there is no room an answer is dropped, never cut). Events are or-ed into *EVENTS. Input without
 * BINARY: CR NUL and CR LF become CR. Returns the bytes in OUT. */
size_t telnet_decode(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out, uint8_t *reply,
		     size_t *reply_len, unsigned *events);

/* Encode up to N data bytes for the peer: 0xFF is doubled. Takes as many as fit into ROOM; *TAKEN
 * says how many. Returns the bytes in OUT. */
size_t telnet_encode(const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t *taken);

#endif
