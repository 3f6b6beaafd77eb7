/* cmd_send.c - vm send: type on the guest's serial console. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "vm/cmd.h"
#include "vm/expect_match.h"
#include "vm/screen.h"

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

/* One argument of vm send --screen: a key, or a text. */
struct screen_input {
	char chord[SCREEN_CHORD];
	char text[4096];
	int n; /* bytes of the text; 0: a key */
};

/* The argument at *I, which may be two. NULL, or what is wrong with ARGV[*I]. */
static const char *screen_input(int argc, char **argv, int *i, struct screen_input *in)
{
	unsigned char bad;

	in->n = 0;
	if (strcmp(argv[*i], "--enter") == 0)
		return screen_chord("enter", in->chord) ? NULL : "no such key:";
	if (strcmp(argv[*i], "--key") == 0) {
		if (*i + 1 < argc)
			++*i;
		return screen_chord(argv[*i], in->chord) ? NULL : "no such key:";
	}
	in->n = send_unescape(argv[*i], in->text, sizeof in->text);
	if (in->n <= 0)
		return "unknown escape, empty, or too long:";
	return screen_can_type(in->text, (size_t)in->n, &bad)
		       ? NULL
		       : "no US keyboard has a key for all of";
}

/* All is looked at before the first key is pressed. */
static int send_screen(const struct command *self, int argc, char **argv, char **envp)
{
	static struct screen_input in;
	struct error err = {0};
	const char *wrong;

	if (argc < 3)
		return cmd_usage(self, "there is nothing to send", NULL);
	for (int i = 2; i < argc; i++)
		if ((wrong = screen_input(argc, argv, &i, &in)) != NULL)
			return cmd_usage(self, wrong, argv[i]);
	for (int i = 2; i < argc; i++) {
		(void)screen_input(argc, argv, &i, &in);
		if (!(in.n > 0 ? screen_type(envp, in.text, (size_t)in.n, &err)
			       : screen_press(envp, in.chord, &err)))
			return cmd_fail(&err);
	}
	return EXIT_CLEAN;
}

int cmd_send(const struct command *self, int argc, char **argv, char **envp)
{
	static char text[65536];
	size_t n = 0;
	int status;
	bool send_break = false;

	if (argc > 1 && strcmp(argv[1], "--screen") == 0)
		return send_screen(self, argc, argv, envp);
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
