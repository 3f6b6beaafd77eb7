/* cmd_send.c - vm send: type on the guest's serial console. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "vm/cmd.h"
#include "vm/expect_match.h"
#include "vm/guest_shell.h"
#include "vm/keys.h"
#include "vm/screen.h"

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The byte that the two hexadecimal digits at TEXT encode; -1 if they are invalid. */
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

/* One argument of vm send --screen: a key, or a text. */
struct screen_input {
	char chord[KEY_CHORD];
	char text[4096];
	int n; /* bytes of the text; 0: a key */
};

/* Index of `--`, after which everything is text; ARGC if there is none. */
static int end_of_options(int argc, char **argv)
{
	int i = 1;

	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	return i;
}

/* Parse the argument at *I, which may take two words. NULL, or what is wrong with ARGV[*I]. */
static const char *screen_input(int argc, char **argv, int *i, bool options,
				struct screen_input *in)
{
	unsigned char bad;

	in->n = 0;
	if (options && strcmp(argv[*i], "--enter") == 0)
		return key_chord("enter", in->chord) ? NULL : "no such key:";
	if (options && strcmp(argv[*i], "--key") == 0) {
		if (*i + 1 < argc)
			++*i;
		return key_chord(argv[*i], in->chord) ? NULL : "no such key:";
	}
	in->n = send_unescape(argv[*i], in->text, sizeof in->text);
	if (in->n <= 0)
		return "unknown escape, empty, or too long:";
	return screen_can_type(in->text, (size_t)in->n, &bad)
		       ? NULL
		       : "no US keyboard has a key for all of";
}

/* Check all arguments before the first key is pressed. */
static int send_screen(const struct command *self, int argc, char **argv, char **envp)
{
	static struct screen_input in;
	struct error err = {0};
	const char *wrong;
	int text = end_of_options(argc, argv);

	if (argc < 3 || (argc == 3 && text == 2))
		return cmd_usage(self, "there is nothing to send", NULL);
	for (int i = 2; i < argc; i++)
		if (i != text && (wrong = screen_input(argc, argv, &i, i < text, &in)) != NULL)
			return cmd_usage(self, wrong, argv[i]);
	for (int i = 2; i < argc; i++) {
		if (i == text)
			continue;
		(void)screen_input(argc, argv, &i, i < text, &in);
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
	const int end = end_of_options(argc, argv);

	for (int i = 1; i < argc; i++) {
		int got = 1;

		if (i == end) {
			continue;
		} else if (i < end && strcmp(argv[i], "--enter") == 0) {
			text[n] = '\r';
		} else if (i < end && strcmp(argv[i], "--key") == 0 && i + 1 < argc) {
			if (strcmp(argv[++i], "break") == 0) {
				send_break = true;
				continue;
			}
			int byte = key_byte(argv[i]);

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
	if (send_break && (status = control_exchange(envp, "break", 5, 0)) != EXIT_CLEAN)
		return status;
	if (n == 0)
		return EXIT_CLEAN;
	guest_await_logout(control_settings(envp));
	_cleanup_fd_ int fd = control_stream(envp, "console live", &status);

	if (fd < 0)
		return status;
	return write_all(fd, text, n) ? EXIT_CLEAN : EXIT_QEMU_FAILED;
}
