/* input.c - lines and ^C from the console.
 *
 * One asynchronous read of the console is always outstanding. Its reply is awaited with a timeout,
 * so that the shell can poll the power button. Input goes into a ring, from which the shell reads
 * lines. Input that arrives while a command runs stays in the ring as type-ahead, unless ^C follows
 * it.
 */
#include "machsh.h"

#include <device/device_types.h>

#include "device_request.h"

#define CTRL(c)	  ((c) - '@')
#define DEL	  127
#define ESC	  27
#define RING_SIZE 16384 /* a power of two */

#define ID_READ_INBAND_REPLY 2905 /* device.defs: subsystem 2800, the reply of routine 2805 */

struct read_reply { /* laid out as in MIG's stub of device_read_inband */
	mach_msg_header_t head;
	mach_msg_type_t code_type;
	kern_return_t code;
#ifdef __x86_64__
	int pad;
#endif
	mach_msg_type_t data_type;
	char data[IO_INBAND_MAX];
	char slack[64]; /* the kernel's trailer, should there be one */
};

static mach_port_t read_port;
static bool read_pending;
static uint8_t ring[RING_SIZE];
static uint32_t head, tail; /* read at head, written at tail; both run on and wrap */
static uint32_t breaks;	    /* ^C in the ring */

void input_init(void)
{
	read_port = mach_reply_port();
}

static uint8_t ring_take(void)
{
	uint8_t c = ring[head++ % RING_SIZE];

	if (c == CTRL('C'))
		breaks--;
	return c;
}

/* Type-ahead that does not fit is lost, as on any terminal; ^C always gets through. */
static void ring_put(uint8_t c)
{
	if (tail - head == RING_SIZE) {
		if (c != CTRL('C'))
			return;
		head = tail;
		breaks = 0;
	}
	ring[tail++ % RING_SIZE] = c;
	if (c == CTRL('C'))
		breaks++;
}

/* Waits at most MS milliseconds for input and adds it to the ring. */
static void wait_input(uint32_t ms)
{
	static struct read_reply m;
	uint32_t n;

	acpi_poll();
	noise_poll();
	if (!read_pending)
		read_pending = device_read_request_inband(console, read_port, 0, 0,
							  IO_INBAND_MAX) == KERN_SUCCESS;
	if (mach_msg_trap(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof m, read_port, ms,
			  MACH_PORT_NULL) != MACH_MSG_SUCCESS)
		return;
	read_pending = false;
	if (m.head.msgh_id != ID_READ_INBAND_REPLY || m.code != KERN_SUCCESS)
		return;
	n = m.data_type.msgt_number;
	for (uint32_t i = 0; i < n && i < sizeof m.data; i++)
		ring_put((uint8_t)m.data[i]);
}

bool input_interrupted(uint32_t ms)
{
	out_flush();
	wait_input(ms);
	if (breaks == 0)
		return false;
	while (breaks > 0)
		ring_take();
	out("^C\n");
	return true;
}

static int input_char(void)
{
	if (head == tail)
		out_flush();
	while (head == tail)
		wait_input(POLL_MS);
	return ring_take();
}

/* Erases the last character of LINE (N bytes) and on the screen; returns the new length. A UTF-8
 * character is erased as a whole. */
static int rub_out(const char *line, int n)
{
	if (n == 0)
		return 0;
	do
		n--;
	while (n > 0 && ((uint8_t)line[n] & 0xc0) == 0x80);
	out("\b \b");
	return n;
}

/* The next character of a line: control sequences (ESC [ ... letter) and the LF of CR LF are
 * skipped, and CR becomes LF. */
static int line_char(void)
{
	static bool was_cr;

	for (;;) {
		int c = input_char();
		bool after_cr = was_cr;

		if (c == ESC) {
			c = input_char();
			if (c == '[' || c == 'O')
				do
					c = input_char();
				while (c >= ' ' && c < '@');
			if (c >= ' ')
				continue;
		}
		was_cr = c == '\r';
		if (c != '\n' || !after_cr)
			return was_cr ? '\n' : c;
	}
}

int input_line(char *line, int size)
{
	bool too_long = false;
	int n = 0;

	for (;;) {
		int c = line_char();

		switch (c) {
		case '\n':
			out("\n");
			line[n] = '\0';
			return too_long ? LINE_TOO_LONG : n;
		case CTRL('C'): out("^C\n"); return LINE_BREAK;
		case CTRL('D'):
			if (n > 0)
				break;
			out("\n");
			return LINE_EOF;
		case CTRL('H'):
		case DEL: n = rub_out(line, n); break;
		case CTRL('U'):
			too_long = false;
			while (n > 0)
				n = rub_out(line, n);
			break;
		case '\t':
			c = ' ';
			/* fall through */
		default:
			if (c < ' ') {
				break;
			} else if (n < size - 1) {
				line[n++] = (char)c;
				out_char((char)c);
			} else if (!too_long) {
				too_long = true;
				out_char(CTRL('G'));
			}
		}
	}
}
