/* output.c - text to the console.
 *
 * The console takes at most IO_INBAND_MAX (128) bytes a call, so output is collected up to that and
 * flushed before the shell waits. The device passes it on unchanged (TF_LITOUT, main.c).
 */
#include "machsh.h"

#include <device/device_types.h>

#include "device.h"

static char buffer[IO_INBAND_MAX];
static size_t used;

static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		unsigned int chunk = n > IO_INBAND_MAX ? IO_INBAND_MAX : (unsigned int)n;
		int done = 0;

		if (device_write_inband(console, 0, 0, p, chunk, &done) != KERN_SUCCESS ||
		    done <= 0)
			return; /* there is no other place to report it */
		p += done;
		n -= (size_t)done;
	}
}

void out_flush(void)
{
	write_all(buffer, used);
	used = 0;
}

void out_raw(const void *bytes, size_t n)
{
	out_flush();
	write_all(bytes, n);
}

void out_char(char c)
{
	if (c == '\n')
		buffer[used++] = '\r';
	buffer[used++] = c;
	if (used > sizeof buffer - 2) /* no room for another CR LF */
		out_flush();
}

void out(const char *s)
{
	while (*s)
		out_char(*s++);
}

void out_all(const char *const *strings)
{
	while (*strings)
		out(*strings++);
}

void out_pad(uint64_t n, unsigned int width, char pad)
{
	char digits[24];
	unsigned int i = sizeof digits;

	digits[--i] = '\0';
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (sizeof digits - 1 - i < width && i > 0)
		digits[--i] = pad;
	out(digits + i);
}

void out_num(uint64_t n)
{
	out_pad(n, 0, ' ');
}

void out_hex(uint64_t n, unsigned int digits)
{
	while (digits-- > 0)
		out_char("0123456789abcdef"[n >> 4 * digits & 15]);
}

int out_failed(const char *call, kern_return_t error)
{
	OUT(call, ": error 0x");
	out_hex((uint32_t)error, 8);
	out_char('\n');
	return 1;
}
