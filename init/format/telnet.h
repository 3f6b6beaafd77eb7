/* telnet.h - the server's side of the telnet protocol, as a codec: bytes in, bytes and events out,
 * no I/O. State is kept across reads, so that the stream may be cut anywhere.
 *
 * Sources: RFC 854 (commands, NVT line ends), 856 (BINARY), 857 (ECHO), 858 (SUPPRESS GO AHEAD),
 * 1143 (answering changes only, so that two peers never negotiate in circles), 2217
 * (COM-PORT-OPTION, where the caller wants it: com_port.h).
 */
#ifndef VM_FORMAT_TELNET_H
#define VM_FORMAT_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/com_port.h"

/* BINARY, ECHO and SUPPRESS GO AHEAD, all that we ever say yes to, are 0, 1 and 3; COM-PORT-OPTION
 * (44) has the place between them. */
#define TELNET_KNOWN 4

struct telnet {
	uint8_t state;		     /* of the parser */
	uint8_t verb;		     /* WILL..DONT under way */
	bool cr;		     /* the last data byte was CR, and the peer is not in BINARY */
	uint16_t sb_len;	     /* bytes of the sub-negotiation so far, capped */
	uint8_t we[TELNET_KNOWN];    /* RFC 1143's state of each option on our side */
	uint8_t they[TELNET_KNOWN];  /* and on the peer's */
	uint8_t refused_do[32];	     /* bit set: an unknown option of which we said WONT */
	uint8_t refused_will[32];    /* and DONT */
	bool serial_port;	     /* COM-PORT-OPTION is known; set behind telnet_start() */
	uint8_t sb[1 + COM_PORT_SB]; /* the sub-negotiation's beginning: option, command, value */
	struct com_port com_port;
};

enum telnet_event { TELNET_BREAK = 1, TELNET_AYT = 2, TELNET_PURGE = 4 };

#define TELNET_START 12 /* bytes of telnet_start() */

/* Begin with a new peer. The bytes to send first, WILL ECHO, WILL SGA, WILL BINARY, DO BINARY, go
 * to OUT. Returns the length, TELNET_START. */
size_t telnet_start(struct telnet *t, uint8_t out[TELNET_START]);

/* Decode N bytes at IN: data for the guest to OUT (at most N bytes; IN == OUT is allowed), answers
 * for the peer to REPLY (N + 2 bytes hold any; *REPLY_LEN in: room, out: used; where there is no
 * room an answer is dropped, never cut). Events are or-ed into *EVENTS. Input without BINARY: CR
 * NUL and CR LF become CR. "Interrupt process" becomes ^C, in its place among the data. Returns
 * the bytes in OUT. */
size_t telnet_decode(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out, uint8_t *reply,
		     size_t *reply_len, unsigned *events);

/* Encode up to N data bytes for the peer: 0xFF is doubled. Takes as many as fit into ROOM; *TAKEN
 * says how many. Returns the bytes in OUT. */
size_t telnet_encode(const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t *taken);

/* How many of the data bytes at IN are complete in the first ENCODED bytes of their encoding;
 * *HALF: of the next one, an 0xFF, the first half is there too. For a write that was cut short. */
size_t telnet_encoded(const uint8_t *in, size_t encoded, bool *half);

#endif
