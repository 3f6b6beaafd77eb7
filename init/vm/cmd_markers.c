/* cmd_markers.c - vm markers: print the built-in marker files; check and test others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "config/settings.h"
#include "format/markers.h"
#include "format/plain_text.h"
#include "plan/marker_files.h"
#include "vm/cmd.h"

static const struct {
	const char *name;
	enum guest_kind guest;
} guests[] = {{"hurd", GUEST_HURD},   {"mach", GUEST_MACH},   {"linux", GUEST_LINUX},
	      {"minix", GUEST_MINIX}, {"exov6", GUEST_EXOV6}, {"generic", GUEST_GENERIC}};

/* The text of the built-in marker file NAME; NULL if there is none. */
static const char *text_of_guest(const char *name, size_t *n)
{
	for (size_t i = 0; i < sizeof guests / sizeof *guests; i++)
		if (strcmp(guests[i].name, name) == 0)
			return marker_file(guests[i].guest, n);
	return NULL;
}

/* The text of the file PATH, valid until the next call; NULL with ERR. */
static const char *text_of_file(const char *path, size_t *n, struct error *err)
{
	static char text[MARKERS_TEXT_MAX + 2];
	ssize_t len = read_small(path, text, sizeof text);

	if (len < 0)
		(void)error_set(err, errno == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION,
				"name a file of markers, or one of hurd, mach, linux, minix, exov6 "
				"and generic",
				"%s: %s", path, strerror(errno));
	else if (len > MARKERS_TEXT_MAX)
		(void)error_set(err, EXIT_BAD_SETTING, "shorten it", "%s is longer than %d bytes",
				path, MARKERS_TEXT_MAX);
	*n = len < 0 ? 0 : (size_t)len;
	const char *why = plain_text(text, n);

	if (why && len >= 0 && len <= MARKERS_TEXT_MAX) {
		(void)error_set(err, EXIT_BAD_SETTING, plain_text_fix, "%s %s", path, why);
		return NULL;
	}
	return len >= 0 && len <= MARKERS_TEXT_MAX ? text : NULL;
}

static bool read_markers(const char *source, const char *text, size_t n, struct markers *m,
			 struct error *err)
{
	struct error bad = {0};

	return markers_parse(text, n, m, &bad) ||
	       error_set(err, bad.status, bad.fix, "%s: %s", source, bad.message);
}

static size_t lines_in(const uint8_t *buf, size_t n)
{
	size_t lines = 0;

	for (const uint8_t *at = buf; n > 0 && (at = memchr(at, '\n', (size_t)(buf + n - at)));
	     at++)
		lines++;
	return lines;
}

static void print_fired(const struct markers *m, const struct pattern_bits *fired, size_t line)
{
	for (size_t i = 0; i < m->count; i++)
		if (fired->bits[i / 64] >> i % 64 & 1)
			(void)printf("%zu %s %.*s\n", line, marker_kind_name(m->list[i].kind),
				     (int)m->list[i].name_len, m->list[i].name);
}

/* Print what matches in standard input, each match with its line number there. */
static bool match_input(const struct markers *m, struct error *err)
{
	struct marker_matcher *matcher = matcher_new(m, err);
	uint8_t buf[16384];
	size_t line = 1;
	ssize_t n = 0;

	if (!matcher)
		return false;
	while ((n = read(STDIN_FILENO, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))
		for (size_t at = 0; n > 0 && at < (size_t)n;) {
			struct pattern_bits fired;
			size_t taken = matcher_feed(matcher, buf + at, (size_t)n - at, &fired);

			line += lines_in(buf + at, taken);
			/* If a line end arrived last, the match is in the line that it ends. */
			print_fired(m, &fired, line - (buf[at + taken - 1] == '\n'));
			at += taken;
		}
	matcher_free(matcher);
	return n == 0 || error_set(err, EXIT_NO_IMAGE, "give a console's stream on standard input",
				   "standard input: %s", strerror(errno));
}

int cmd_markers(const struct command *self, int argc, char **argv, char **envp)
{
	static struct markers m;
	struct error err = {0};
	const char *what = argc > 1 ? argv[argc - 1] : "generic";
	bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
	bool match = argc == 3 && strcmp(argv[1], "--match") == 0;
	size_t n = 0;

	(void)envp;
	if ((argc == 2 && what[0] == '-') || argc > 3 || (argc == 3 && !check && !match))
		return cmd_usage(self, "unknown argument", argv[1]);
	const char *text = check ? NULL : text_of_guest(what, &n);

	if (!text && argc == 2)
		return cmd_usage(self, "there are no markers of", what);
	bool ok = text || (text = text_of_file(what, &n, &err));

	if (argc <= 2)
		(void)fwrite(text, 1, n, stdout);
	else
		ok = ok && read_markers(what, text, n, &m, &err) &&
		     (check || match_input(&m, &err));
	if (ok && check)
		(void)printf("%s: %zu markers\n", what, m.count);
	(void)fflush(stdout);
	if (!ok)
		error_report(&err);
	return ok ? EXIT_CLEAN : (int)err.status;
}
