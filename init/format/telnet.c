/* telnet.c - see telnet.h.
 *
 * A state machine over bytes. Of RFC 1143's six states an option needs only three here: we never
 * switch an option off again, so there is no WANTNO and no queue.
 */
#include "format/telnet.h"

#include <arpa/telnet.h>
#include <string.h>

/* Maximum length of a sub-negotiation (of COM-PORT-OPTION, or an unsolicited one). If one is
 * longer, the peer does not speak telnet, and its bytes are treated as data again. */
#define SB_MAX 1024

enum parser_state { DATA, COMMAND, OPTION, SUBNEGOTIATION, SUBNEGOTIATION_IAC };

/* Index of COM-PORT-OPTION among the known options. */
#define COM_PORT_PLACE 2

enum option_state { NO, YES, WANTYES };

/* Buffer for answers. */
struct reply {
	uint8_t *buf;
	size_t len, room;
};

size_t telnet_start(struct telnet *t, uint8_t out[TELNET_START])
{
	static const uint8_t start[TELNET_START] = {
		IAC, WILL, TELOPT_ECHO,	  IAC, WILL, TELOPT_SGA,
		IAC, WILL, TELOPT_BINARY, IAC, DO,   TELOPT_BINARY};

	*t = (struct telnet){
		.state = DATA,
		.we = {[TELOPT_ECHO] = WANTYES, [TELOPT_SGA] = WANTYES, [TELOPT_BINARY] = WANTYES},
		.they = {[TELOPT_BINARY] = WANTYES},
	};
	memcpy(out, start, sizeof start);
	return sizeof start;
}

static bool answer(struct reply *r, uint8_t verb, uint8_t option)
{
	if (r->room - r->len < 3)
		return false;
	r->buf[r->len++] = IAC;
	r->buf[r->len++] = verb;
	r->buf[r->len++] = option;
	return true;
}

/* The peer requests an option (WANTED) or rejects it; YES_VERB and NO_VERB are our answers. */
static void negotiate_known(uint8_t *state, bool wanted, uint8_t yes_verb, uint8_t no_verb,
			    uint8_t option, struct reply *reply)
{
	if (*state == WANTYES || wanted == (*state == YES))
		*state = wanted ? YES : NO; /* the answer to our own request, or no change */
	else if (answer(reply, wanted ? yes_verb : no_verb, option))
		*state = wanted ? YES : NO;
}

static void refuse_once(uint8_t refused[32], uint8_t verb, uint8_t option, struct reply *reply)
{
	uint8_t bit = (uint8_t)(1u << (option & 7));

	if (!(refused[option >> 3] & bit) && answer(reply, verb, option))
		refused[option >> 3] |= bit;
}

/* Send IAC SB COM-PORT-OPTION, the N bytes at BODY, IAC SE; completely or not at all. */
static void answer_com_port(struct reply *r, const uint8_t *body, size_t n)
{
	uint8_t encoded[2 * COM_PORT_REPLY];
	size_t taken;
	size_t len = telnet_encode(body, n, encoded, sizeof encoded, &taken);

	if (r->room - r->len < len + 5)
		return;
	r->buf[r->len++] = IAC;
	r->buf[r->len++] = SB;
	r->buf[r->len++] = COM_PORT_OPTION;
	memcpy(r->buf + r->len, encoded, len);
	r->len += len;
	r->buf[r->len++] = IAC;
	r->buf[r->len++] = SE;
}

/* The client announces COM-PORT-OPTION: send it the modem state, which some clients wait for. */
static void negotiate_com_port(struct telnet *t, bool ours, bool wanted, struct reply *reply)
{
	static const uint8_t state[] = {COM_PORT_NOTIFY_MODEM_STATE, COM_PORT_MODEM_STATE};
	uint8_t *side = ours ? &t->we[COM_PORT_PLACE] : &t->they[COM_PORT_PLACE];
	bool before = *side == YES;

	negotiate_known(side, wanted, ours ? WILL : DO, ours ? WONT : DONT, COM_PORT_OPTION, reply);
	if (!ours && !before && *side == YES)
		answer_com_port(reply, state, sizeof state);
}

static void negotiate(struct telnet *t, uint8_t option, struct reply *reply)
{
	bool ours = t->verb == DO || t->verb == DONT;
	bool wanted = t->verb == DO || t->verb == WILL;
	bool known =
		option == TELOPT_BINARY || option == TELOPT_SGA || (option == TELOPT_ECHO && ours);

	if (option == COM_PORT_OPTION && t->serial_port)
		negotiate_com_port(t, ours, wanted, reply);
	else if (known && ours)
		negotiate_known(&t->we[option], wanted, WILL, WONT, option, reply);
	else if (known)
		negotiate_known(&t->they[option], wanted, DO, DONT, option, reply);
	else if (wanted && ours)
		refuse_once(t->refused_do, WONT, option, reply);
	else if (wanted)
		refuse_once(t->refused_will, DONT, option, reply);
	if (t->they[TELOPT_BINARY] == YES)
		t->cr = false;
}

/* Output a data byte; false for the second half of a line end, which is dropped. */
static bool is_data(struct telnet *t, uint8_t byte)
{
	bool after_cr = t->cr;

	t->cr = byte == '\r' && t->they[TELOPT_BINARY] != YES;
	return !(after_cr && (byte == '\n' || byte == '\0'));
}

/* Process the byte after IAC. Returns whether it represents the data byte in *DATA_BYTE. */
static bool command(struct telnet *t, uint8_t byte, uint8_t *data_byte, unsigned *events)
{
	t->state = DATA;
	switch (byte) {
	case IAC: *data_byte = IAC; return is_data(t, IAC);
	case IP: *data_byte = '\003'; return is_data(t, '\003');
	case WILL:
	case WONT:
	case DO:
	case DONT:
		t->verb = byte;
		t->state = OPTION;
		return false;
	case SB:
		t->sb_len = 0;
		t->state = SUBNEGOTIATION;
		return false;
	case BREAK: *events |= TELNET_BREAK; return false;
	case AYT: *events |= TELNET_AYT; return false;
	default: return false; /* NOP, DM, GA, AO, EC, EL and undefined commands */
	}
}

/* Process a byte of a sub-negotiation. Returns the parser's next state. */
static enum parser_state sub_negotiated(struct telnet *t, uint8_t byte)
{
	if (t->sb_len < sizeof t->sb)
		t->sb[t->sb_len] = byte;
	return ++t->sb_len < SB_MAX ? SUBNEGOTIATION : DATA;
}

/* A sub-negotiation is complete. */
static void sub_negotiation(struct telnet *t, struct reply *reply, unsigned *events)
{
	uint8_t out[COM_PORT_REPLY];
	unsigned what = 0;
	size_t n = t->sb_len < sizeof t->sb ? t->sb_len : sizeof t->sb;

	if (!t->serial_port || n < 2 || t->sb[0] != COM_PORT_OPTION)
		return;
	n = com_port_command(&t->com_port, t->sb + 1, n - 1, out, &what);
	if (n > 0)
		answer_com_port(reply, out, n);
	*events |= (what & COM_PORT_BREAK ? TELNET_BREAK : 0) |
		   (what & COM_PORT_PURGE ? TELNET_PURGE : 0);
}

size_t telnet_decode(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out, uint8_t *reply,
		     size_t *reply_len, unsigned *events)
{
	struct reply r = {.buf = reply, .room = *reply_len};
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte = in[i];

		switch ((enum parser_state)t->state) {
		case DATA:
			if (byte == IAC)
				t->state = COMMAND;
			else if (is_data(t, byte))
				out[len++] = byte;
			break;
		case SUBNEGOTIATION_IAC:
			if (byte == IAC || byte == SE) {
				if (byte == SE)
					sub_negotiation(t, &r, events);
				t->state = byte == SE ? DATA : sub_negotiated(t, byte);
				break;
			}
			/* The end is missing: this is the next command. */
			/* fall through */
		case COMMAND:
			if (command(t, byte, &byte, events))
				out[len++] = byte;
			break;
		case OPTION:
			t->state = DATA;
			negotiate(t, byte, &r);
			break;
		case SUBNEGOTIATION:
			t->state = byte == IAC ? SUBNEGOTIATION_IAC : sub_negotiated(t, byte);
			break;
		}
	}
	*reply_len = r.len;
	return len;
}

size_t telnet_encode(const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t *taken)
{
	size_t used = 0, len = 0;

	while (used < n && len < room) {
		size_t span = n - used < room - len ? n - used : room - len;
		const uint8_t *iac = memchr(in + used, IAC, span);

		if (iac)
			span = (size_t)(iac - (in + used));
		memcpy(out + len, in + used, span);
		used += span;
		len += span;
		if (iac) {
			if (room - len < 2)
				break;
			out[len++] = IAC;
			out[len++] = IAC;
			used++;
		}
	}
	*taken = used;
	return len;
}

size_t telnet_encoded(const uint8_t *in, size_t encoded, bool *half)
{
	size_t used = 0;

	while (encoded > 0) {
		size_t width = in[used] == IAC ? 2 : 1;

		if (encoded < width)
			break;
		encoded -= width;
		used++;
	}
	*half = encoded > 0;
	return used;
}
