/* com_port.h - telnet's COM-PORT-OPTION (RFC 2217), server side: a client's requests to a serial
 * port, and the answers. No I/O; telnet.c parses the sub-negotiations.
 *
 * The port is virtual: any speed and format is acknowledged, because it has no effect on QEMU's
 * UART. A break is passed to the guest.
 */
#ifndef VM_FORMAT_COM_PORT_H
#define VM_FORMAT_COM_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COM_PORT_OPTION 44
#define COM_PORT_REPLY	32 /* maximum length of an answer */
#define COM_PORT_SB	8 /* maximum length of a supported command: code, 4 bytes, and some spare */

/* CTS, DSR and carrier are on; bits as in NOTIFY-MODEMSTATE. */
#define COM_PORT_MODEM_STATE	    0xb0
#define COM_PORT_NOTIFY_MODEM_STATE 107

struct com_port {
	uint32_t baud;
	uint8_t data_size, parity, stop_size;
	uint8_t flow, flow_in; /* values of SET-CONTROL */
	bool brk, no_dtr, no_rts;
	bool suspended; /* the client has suspended output */
};

/* or-ed into *EVENTS */
enum { COM_PORT_BREAK = 1, COM_PORT_PURGE = 2 };

/* All zero is a port at 115200 baud, 8N1. Handle command SB (N bytes: code, values) and write the
 * answer (code, values) to OUT. Returns its length, 0 for none. */
size_t com_port_command(struct com_port *p, const uint8_t *sb, size_t n,
			uint8_t out[COM_PORT_REPLY], unsigned *events);

#endif
