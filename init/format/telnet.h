/* telnet.h - the server side of the telnet protocol as a codec: bytes in, bytes and events out, no
 * I/O. State is kept across reads, so that the stream may be cut anywhere.
 *
 * Sources: RFC 854 (commands, NVT line ends), 856 (BINARY), 857 (ECHO), 858 (SUPPRESS GO AHEAD),
 * 1143 (answering changes only, which prevents negotiation loops), 2217 (COM-PORT-OPTION, if the
 * caller enables it: com_port.h).
 */
#ifndef VM_FORMAT_TELNET_H
#define VM_FORMAT_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/com_port.h"

/* BINARY, ECHO and SUPPRESS GO AHEAD, the only options that we ever accept, are 0, 1 and 3;
 * COM-PORT-OPTION (44) is stored at index 2. */
#define TELNET_KNOWN 4

struct telnet {
	uint8_t state;		     /* of the parser */
	uint8_t verb;		     /* WILL..DONT being processed */
	bool cr;		     /* the last data byte was CR, and the peer is not in BINARY */
	uint16_t sb_len;	     /* length of the sub-negotiation so far, capped */
	uint8_t we[TELNET_KNOWN];    /* RFC 1143's state of each option on our side */
	uint8_t they[TELNET_KNOWN];  /* and on the peer's */
	uint8_t refused_do[32];	     /* bit set: an unknown option that we answered with WONT */
	uint8_t refused_will[32];    /* and with DONT */
	bool serial_port;	     /* COM-PORT-OPTION is enabled; set it after telnet_start() */
	uint8_t sb[1 + COM_PORT_SB]; /* beginning of the sub-negotiation: option, command, value */
	struct com_port com_port;
};

enum telnet_event { TELNET_BREAK = 1, TELNET_AYT = 2, TELNET_PURGE = 4 };

#define TELNET_START 12 /* length of telnet_start()'s output */

/* Begin with a new peer. The first bytes to send, WILL ECHO, WILL SGA, WILL BINARY, DO BINARY, go
 * to OUT. Returns the length, TELNET_START. */
size_t telnet_start(struct telnet *t, uint8_t out[TELNET_START]);

/* Decode N bytes at IN: data for the guest to OUT (at most N bytes; IN == OUT is allowed), answers
 * for the peer to REPLY (N + 2 bytes are always enough; *REPLY_LEN in: space, out: used; an answer
 * that does not fit is dropped completely). Events are or-ed into *EVENTS. Without BINARY, CR NUL
 * and CR LF in the input become CR. "Interrupt process" becomes ^C, in its position in the data.
 * Returns the number of bytes in OUT. */
size_t telnet_decode(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out, uint8_t *reply,
		     size_t *reply_len, unsigned *events);

/* Encode up to N data bytes for the peer: 0xFF is doubled. Takes as many as fit into ROOM; *TAKEN
 * is their number. Returns the number of bytes in OUT. */
size_t telnet_encode(const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t *taken);

/* The number of data bytes at IN that are complete in the first ENCODED bytes of their encoding,
 * after a partial write. *HALF: the first half of the next one, an 0xFF, is there, too. */
size_t telnet_encoded(const uint8_t *in, size_t encoded, bool *half);

#endif
