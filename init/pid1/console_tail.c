/* console_tail.c - see console_tail.h. */
#include "pid1/console_tail.h"

#include <string.h>

#include "base/log.h"
#include "console/mux.h"
#include "format/console_text.h"

#define CONSOLE_LINES 20
#define CONSOLE_BYTES 4096

/* Log the line of N bytes at TEXT without its control characters and escape sequences. */
static void log_console_line(const uint8_t *text, size_t n)
{
	char line[160];
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof line - 1; i++)
		if (text[i] >= ' ' && text[i] != 0x7f)
			line[len++] = (char)text[i];
	if (len > 0)
		log_line(LOG_INFO, "  | ", "%.*s", (int)len, line);
}

void console_tail_log(const struct relay *serial, uint64_t since)
{
	static struct console_text strip;
	uint8_t raw[CONSOLE_BYTES];
	uint8_t text[CONSOLE_BYTES];
	struct relay_stats stats;

	relay_stats(serial, &stats);
	uint64_t came = stats.bytes - since;
	size_t raw_len = relay_tail(serial, raw, came < sizeof raw ? (size_t)came : sizeof raw);

	memset(&strip, 0, sizeof strip);
	size_t n = console_text_strip(&strip, raw, raw_len, text);
	size_t start = n;

	for (int lines = 0; start > 0 && lines <= CONSOLE_LINES; start--)
		lines += text[start - 1] == '\n';
	if (n == 0) {
		log_info("nothing came on the serial console");
		return;
	}
	log_info("the last lines of the serial console:");
	while (start < n) {
		const uint8_t *eol = memchr(text + start, '\n', n - start);
		size_t len = eol ? (size_t)(eol - (text + start)) : n - start;

		log_console_line(text + start, len);
		start += len + 1;
	}
}
