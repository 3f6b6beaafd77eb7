/* com_port.h - telnet's COM-PORT-OPTION (RFC 2217), the server's side: what a client asks of a
 * serial port, and what it is told. No I/O; telnet.c takes the option's sub-negotiations apart.
 *
 * The port is a virtual one: speed and format are taken as they come and acknowledged, since QEMU's
 * UART has no wire that they would matter on. A break is a break.
 */
#ifndef VM_FORMAT_COM_PORT_H
#define VM_FORMAT_COM_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COM_PORT_OPTION 44
#define COM_PORT_REPLY	32 /* longest answer */
#define COM_PORT_SB	8  /* longest command that matters: its code and 4 bytes, some more */

/* CTS, DSR and carrier are on; bits as in NOTIFY-MODEMSTATE. */
#define COM_PORT_MODEM_STATE	    0xb0
#define COM_PORT_NOTIFY_MODEM_STATE 107

struct com_port {
	uint32_t baud;
	uint8_t data_size, parity, stop_size;
	uint8_t flow, flow_in; /* values of SET-CONTROL */
	bool brk, no_dtr, no_rts;
	bool suspended; /* the client wants nothing for now */
};

/* or-ed into *EVENTS */
enum { COM_PORT_BREAK = 1, COM_PORT_PURGE = 2 };

/* All 0 is a port of 115200 baud, 8N1. Command SB (N bytes: code, values) has come: the answer goes
 * to OUT (code, values). Returns its length, 0 for none. */
size_t com_port_command(struct com_port *p, const uint8_t *sb, size_t n,
			uint8_t out[COM_PORT_REPLY], unsigned *events);

#endif
