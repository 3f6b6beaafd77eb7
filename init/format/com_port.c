/* com_port.c - see com_port.h; RFC 2217. */
#include "format/com_port.h"

#include <string.h>

/* Command codes of the client; those of the server are 100 higher. */
enum {
	SIGNATURE,
	SET_BAUDRATE,
	SET_DATASIZE,
	SET_PARITY,
	SET_STOPSIZE,
	SET_CONTROL,
	NOTIFY_LINESTATE,
	NOTIFY_MODEMSTATE,
	FLOWCONTROL_SUSPEND,
	FLOWCONTROL_RESUME,
	SET_LINESTATE_MASK,
	SET_MODEMSTATE_MASK,
	PURGE_DATA
};

#define ANSWER 100

/* Values of SET-CONTROL. */
enum {
	ASK_FLOW,
	FLOW_NONE,
	FLOW_XON,
	FLOW_HARDWARE,
	ASK_BREAK,
	BREAK_ON,
	BREAK_OFF,
	ASK_DTR,
	DTR_ON,
	DTR_OFF,
	ASK_RTS,
	RTS_ON,
	RTS_OFF,
	ASK_FLOW_IN,
	FLOW_IN_NONE,
	FLOW_IN_HARDWARE = 16,
	FLOW_DCD,
	FLOW_IN_DTR,
	FLOW_DSR
};

static const char signature[] = "vm serial console";

/* A setting of one byte; value 0 is a query. */
static uint8_t setting(uint8_t *kept, uint8_t value, uint8_t dflt)
{
	if (value)
		*kept = value;
	return *kept ? *kept : dflt;
}

static uint8_t set_control(struct com_port *p, uint8_t value, unsigned *events)
{
	switch (value) {
	case ASK_FLOW: return p->flow ? p->flow : FLOW_NONE;
	case ASK_BREAK: return p->brk ? BREAK_ON : BREAK_OFF;
	case BREAK_ON:
	case BREAK_OFF:
		if (value == BREAK_ON && !p->brk)
			*events |= COM_PORT_BREAK;
		p->brk = value == BREAK_ON;
		return value;
	case ASK_DTR: return p->no_dtr ? DTR_OFF : DTR_ON;
	case DTR_ON:
	case DTR_OFF: p->no_dtr = value == DTR_OFF; return value;
	case ASK_RTS: return p->no_rts ? RTS_OFF : RTS_ON;
	case RTS_ON:
	case RTS_OFF: p->no_rts = value == RTS_OFF; return value;
	case ASK_FLOW_IN: return p->flow_in ? p->flow_in : FLOW_IN_NONE;
	default: break;
	}
	if (value >= FLOW_IN_NONE && value != FLOW_DCD && value != FLOW_DSR)
		return setting(&p->flow_in, value, FLOW_IN_NONE);
	return setting(&p->flow, value, FLOW_NONE);
}

static uint32_t set_baud(struct com_port *p, const uint8_t *value)
{
	uint32_t baud = (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 |
			(uint32_t)value[2] << 8 | value[3];

	if (baud)
		p->baud = baud;
	return p->baud ? p->baud : 115200;
}

size_t com_port_command(struct com_port *p, const uint8_t *sb, size_t n,
			uint8_t out[COM_PORT_REPLY], unsigned *events)
{
	if (n == 0)
		return 0;
	out[0] = (uint8_t)(sb[0] + ANSWER);
	if (sb[0] == SIGNATURE && n == 1) {
		memcpy(out + 1, signature, sizeof signature - 1);
		return sizeof signature;
	}
	if (sb[0] == NOTIFY_LINESTATE || sb[0] == NOTIFY_MODEMSTATE) {
		out[1] = sb[0] == NOTIFY_MODEMSTATE ? COM_PORT_MODEM_STATE : 0;
		return 2;
	}
	if (sb[0] == FLOWCONTROL_SUSPEND || sb[0] == FLOWCONTROL_RESUME) {
		p->suspended = sb[0] == FLOWCONTROL_SUSPEND;
		return 0;
	}
	if (sb[0] == SET_BAUDRATE && n >= 5) {
		uint32_t baud = set_baud(p, sb + 1);

		for (int i = 0; i < 4; i++)
			out[1 + i] = (uint8_t)(baud >> (24 - 8 * i));
		return 5;
	}
	if (n < 2 || sb[0] > PURGE_DATA || sb[0] <= SET_BAUDRATE)
		return 0;
	out[1] = sb[1];
	switch (sb[0]) {
	case SET_DATASIZE: out[1] = setting(&p->data_size, sb[1], 8); break;
	case SET_PARITY: out[1] = setting(&p->parity, sb[1], 1); break;
	case SET_STOPSIZE: out[1] = setting(&p->stop_size, sb[1], 1); break;
	case SET_CONTROL: out[1] = set_control(p, sb[1], events); break;
	case PURGE_DATA:
		if (sb[1] != 2)
			*events |= COM_PORT_PURGE;
		break;
	default: break; /* the masks: these states never change */
	}
	return 2;
}
