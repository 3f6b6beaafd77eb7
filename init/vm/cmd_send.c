/* cmd_send.c - vm send: type on the guest's serial console. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "vm/cmd.h"
#include "vm/expect_match.h"

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The byte that two digits at TEXT are, -1 if they are not. */
static int hex_pair(const char *text)
{
	int high = hex(text[0]);
	int low = high < 0 ? -1 : hex(text[1]);

	return low < 0 ? -1 : high * 16 + low;
}

int send_unescape(const char *text, char *out, size_t size)
{
	static const char from[] = "rnte\\";
	static const char to[] = "\r\n\t\033\\";
	size_t n = 0;

	for (; *text && n < size; text++) {
		const char *at;

		if (*text != '\\') {
			out[n++] = *text;
		} else if (*++text == 'x' && hex_pair(text + 1) >= 0) {
			out[n++] = (char)hex_pair(text + 1);
			text += 2;
		} else if (*text && (at = strchr(from, *text)) != NULL) {
			out[n++] = to[at - from];
		} else {
			return -1;
		}
	}
	return *text ? -1 : (int)n;
}

int send_key(const char *name)
{
	static const struct {
		const char *name;
		int byte;
	} keys[] = {{"enter", '\r'}, {"tab", '\t'}, {"escape", 033}, {"backspace", 0177}};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(name, keys[i].name) == 0)
			return keys[i].byte;
	if (strncmp(name, "ctrl-", 5) == 0 && name[5] && !name[6]) {
		char c = name[5] >= 'a' && name[5] <= 'z' ? (char)(name[5] - 0x20) : name[5];

		if (c >= '@' && c <= '_')
			return c - '@';
	}
	return -1;
}

int cmd_send(const struct command *self, int argc, char **argv, char **envp)
{
	static char text[65536];
	size_t n = 0;
	int status;
	bool send_break = false;

	for (int i = 1; i < argc; i++) {
		int got = 1;

		if (strcmp(argv[i], "--enter") == 0) {
			text[n] = '\r';
		} else if (strcmp(argv[i], "--key") == 0 && i + 1 < argc) {
			if (strcmp(argv[++i], "break") == 0) {
				send_break = true;
				continue;
			}
			int byte = send_key(argv[i]);

			if (byte < 0)
				return cmd_usage(self, "no such key:", argv[i]);
			text[n] = (char)byte;
		} else {
			got = send_unescape(argv[i], text + n, sizeof text - 1 - n);
			if (got < 0)
				return cmd_usage(self, "unknown escape, or too long:", argv[i]);
		}
		n += (size_t)got;
		if (n >= sizeof text - 1)
			return cmd_usage(self, "the text is too long", NULL);
	}
	if (n == 0 && !send_break)
		return cmd_usage(self, "there is nothing to send", NULL);
	if (send_break && (status = client_request(envp, "break", 5, 0)) != EXIT_CLEAN)
		return status;
	if (n == 0)
		return EXIT_CLEAN;
	_cleanup_fd_ int fd = client_stream(envp, "console live", &status);

	if (fd < 0)
		return status;
	return write_all(fd, text, n) ? EXIT_CLEAN : EXIT_QEMU_FAILED;
}
