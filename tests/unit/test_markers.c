/* test_markers.c - marker files, the text of a console, and what fires in recorded consoles.
 *
 * tests/unit/streams holds what guests really printed: mach*.txt GNU Mach with machsh, linux*.txt
 * the linux test guest; ends of them where the rest is the same. No Hurd was at hand: hurd*.txt are
 * put together line by line from what its operators report (docs/guests.md) behind the screen of a
 * real GRUB, recorded on mach-mini's disk with a menu. The same streams, in pieces of any size,
 * must give the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/console_text.h"
#include "format/markers.h"
#include "plan/marker_files.h"

static struct markers markers;

/* ---- files ----------------------------------------------------------------------------- */

static bool parse(const char *text, struct error *err)
{
	size_t n = strlen(text);
	char *exact =
		malloc(n ? n : 1); /* without a NUL, so that ASan detects a read beyond the end */
	bool ok;

	memcpy(exact, text, n);
	*err = (struct error){0};
	ok = markers_parse(exact, n, &markers, err);
	free(exact);
	return ok;
}

static void test_file(void **state)
{
	static const char text[] = "# comment\r\n"
				   "\r\n"
				   "progress  a-1\t  x  y[ ]  \r\n"
				   "  say  this \t\r\n"
				   "   \n"
				   "ready b (^|z)\\#\n"
				   "panic a-1 .";
	struct error err;
	const struct marker *m = markers.list;

	(void)state;
	assert_true(markers_parse(text, sizeof text - 1, &markers, &err));
	assert_int_equal(markers.count, 3);
	assert_int_equal(m[0].kind, MARKER_PROGRESS);
	assert_int_equal(m[0].line, 3);
	assert_int_equal(m[0].name_len, 3);
	assert_memory_equal(m[0].name, "a-1", 3);
	assert_int_equal(m[0].regex_len, 7);
	assert_memory_equal(m[0].regex, "x  y[ ]", 7);
	assert_int_equal(m[0].say_len, 9);
	assert_memory_equal(m[0].say, "say  this", 9);
	assert_int_equal(m[1].kind, MARKER_READY);
	assert_int_equal(m[1].say_len, 0);
	assert_memory_equal(m[1].regex, "(^|z)\\#", 7);
	assert_int_equal(m[2].kind, MARKER_PANIC);
	assert_int_equal(m[2].line, 7);
	assert_true(markers_parse("", 0, &markers, &err));
	assert_int_equal(markers.count, 0);
}

static void assert_bad(const char *text, const char *message)
{
	struct error err;

	assert_false(parse(text, &err));
	assert_string_equal(err.message, message);
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	assert_true(err.fix[0]);
}

static void test_bad_files(void **state)
{
	static char many[200 * 16];

	(void)state;
	assert_bad("\nphase a x", "line 2: phase is not a kind of marker");
	assert_bad("ready", "line 1: the marker has no name");
	assert_bad("ready  a  ", "line 1: the marker has no regular expression");
	assert_bad("ready A x", "line 1: A is not a valid marker name");
	assert_bad("ready abcdefghijabcdefghijabcdefghijab x",
		   "line 1: abcdefghijabcdefghijabcdefghijab is not a valid marker name");
	assert_bad("  say\nready a x",
		   "line 1: there is no marker that this indented line belongs to");
	assert_bad("ready a x\n\tsay\n\tsay more",
		   "line 3: there is no marker that this indented line belongs to");
	assert_bad("ready a x\nhint b a(b\n",
		   "line 2: in the expression of b, column 2: this ( has no )");
	for (int i = 0; i < 130; i++)
		(void)strcat(many, "ready a x\n");
	assert_bad(many, "line 129: there are more than 128 markers");
}

static void test_embedded(void **state)
{
	(void)state;
	for (int g = GUEST_AUTO; g <= GUEST_GENERIC; g++) {
		struct error err = {0};
		size_t n;
		const char *text = marker_file((enum guest_kind)g, &n);
		bool ready = false;

		if (!markers_parse(text, n, &markers, &err))
			fail_msg("guest %d: %s", g, err.message);
		for (size_t i = 0; i < markers.count; i++)
			ready |= markers.list[i].kind == MARKER_READY;
		assert_true(ready);
	}
}

/* ---- text ------------------------------------------------------------------------------ */

static void assert_text_n(const char *in, size_t n, const char *want, size_t want_len)
{
	for (size_t piece = 1; piece <= n; piece++) {
		struct console_text t = {0};
		uint8_t out[2048];
		size_t len = 0;

		for (size_t at = 0; at < n; at += piece) {
			size_t part = piece < n - at ? piece : n - at;
			uint8_t *copy = malloc(part);

			memcpy(copy, in + at, part);
			part = console_text_strip(&t, copy, part, copy);
			memcpy(out + len, copy, part);
			len += part;
			free(copy);
		}
		assert_int_equal(len, want_len);
		assert_memory_equal(out, want, len);
	}
}

#define assert_text(in, want) assert_text_n(in, sizeof(in) - 1, want, sizeof(want) - 1)

static void test_text(void **state)
{
	static char csi[100], csi_rest[100], osc[600], osc_rest[600];

	(void)state;
	assert_text("plain\r\n", "plain\r\n");
	assert_text("\xc3\xa9\xff\x9b", "\xc3\xa9\xff\x9b");
	assert_text("a\0b", "ab");
	assert_text("a\033[1;31mb\033[0mc", "abc");
	assert_text("a\033[\0mb", "ab");
	assert_text("\033(Ba\033)0b\033=c\0337d", "abcd");
	assert_text("\033]0;title\007a\033]8;;x\033\\b\033Pq#0\033\\c", "abc");
	assert_text("a\033[2;5Hb\033[Jc\033[Kd\033[3Ae", "a\nb\ncd\ne");
	assert_text("\033\033[mx\033[1\033[mz", "xz");
	assert_text("\033]t\033[0mz\033]t\033=z", "zz");
	/* Truncated sequences: */
	assert_text("\033[3\npanic", "\npanic");
	assert_text("\033\r\npanic", "\r\npanic");
	assert_text("\033]0;x\npanic", "\npanic");
	assert_text("\033[3\030a\033]0\032b", "ab");
	memset(csi, '0', sizeof csi);
	memcpy(csi, "\033[", 2);
	memset(csi_rest, '0', sizeof csi_rest);
	assert_text_n(csi, sizeof csi, csi_rest, sizeof csi - 65);
	memset(osc, 'o', sizeof osc);
	memcpy(osc, "\033]", 2);
	memset(osc_rest, 'o', sizeof osc_rest);
	assert_text_n(osc, sizeof osc, osc_rest, sizeof osc - 255);
}

/* ---- streams --------------------------------------------------------------------------- */

static struct marker_matcher *matcher_of_guest(enum guest_kind g)
{
	struct error err = {0};
	size_t n;
	const char *text = marker_file(g, &n);
	struct marker_matcher *m;

	assert_true(markers_parse(text, n, &markers, &err));
	m = matcher_new(&markers, &err);
	assert_non_null(m);
	return m;
}

/* Append "KIND NAME@LINE" to OUT for each name that fires for the first time. */
static void match(struct marker_matcher *m, const uint8_t *text, size_t n, size_t piece, char *out,
		  size_t room)
{
	bool seen[MARKERS_MAX] = {false};
	size_t line = 1, len = 0;

	out[0] = '\0';
	for (size_t from = 0; from < n; from += piece) {
		size_t part = piece < n - from ? piece : n - from;
		uint8_t *copy = malloc(part);

		memcpy(copy, text + from, part);
		for (size_t at = 0; at < part;) {
			struct pattern_bits fired;
			size_t taken = matcher_feed(m, copy + at, part - at, &fired);

			assert_true(taken > 0 && taken <= part - at);
			for (size_t i = 0; i + 1 < taken; i++)
				line += copy[at + i] == '\n';
			for (size_t i = 0; i < markers.count; i++) {
				if (!(fired.bits[i / 64] >> i % 64 & 1) || seen[i])
					continue;
				seen[i] = true;
				len += (size_t)snprintf(
					out + len, room - len, "%s%s %.*s@%zu", len ? ", " : "",
					marker_kind_name(markers.list[i].kind),
					(int)markers.list[i].name_len, markers.list[i].name, line);
			}
			at += taken;
			line += copy[at - 1] == '\n';
		}
		free(copy);
	}
}

static void assert_stream(enum guest_kind g, const char *name, const char *want)
{
	static uint8_t text[65536];
	static const size_t pieces[] = {sizeof text, 1, 2, 3, 7, 64, 511, 513};
	char path[80], out[1024];
	struct marker_matcher *m = matcher_of_guest(g);
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof path, "tests/unit/streams/%s.txt", name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof text, f);
	assert_true(n > 0 && n < sizeof text);
	(void)fclose(f);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		match(m, text, n, pieces[i], out, sizeof out);
		assert_string_equal(out, want);
		matcher_reset(m);
	}
	matcher_free(m);
}

static void test_streams(void **state)
{
	(void)state;
	assert_stream(GUEST_HURD, "hurd",
		      "progress grub@1, progress kernel@8, progress modules@13, "
		      "progress bootstrap@18, progress rump@21, hint uniprocessor@24, "
		      "progress servers@25, progress init@26, progress fsck@27, "
		      "hint unclean-file-system@28, progress sshd@29, ready login@31, "
		      "progress stopping@36, down tight-loop@38");
	assert_stream(GUEST_HURD, "hurd-trouble",
		      "failure root-io-error@1, failure no-root-device@2, "
		      "hint maintenance-shell@3, hint crash@5, hint kernel-memory@6, "
		      "hint shared-irq@7, panic panic@8, failure no-bootstrap@8, panic trap@10, "
		      "panic double-fault@11, panic essential-task@12, panic debugger@13");
	assert_stream(GUEST_MACH, "mach",
		      "progress grub@1, progress kernel@4, progress modules@20, "
		      "progress bootstrap@23, ready login@26, progress stopping@29, "
		      "down tight-loop@30");
	assert_stream(GUEST_MACH, "mach-panic", "ready login@3, panic panic@6");
	assert_stream(GUEST_LINUX, "linux",
		      "progress grub@1, progress kernel@3, progress initramfs@350, "
		      "progress network@396, ready login@399, progress stopping@409, "
		      "down power-down@415");
	assert_stream(GUEST_LINUX, "linux-panic",
		      "ready login@1, panic panic@10, hint no-root-device@55");
	assert_stream(GUEST_LINUX, "linux-reboot", "progress stopping@2, progress restarting@7");
	assert_stream(GUEST_GENERIC, "mach", "progress grub@1, ready login@26, down down@30");
	assert_stream(GUEST_GENERIC, "linux", "ready login@399, down down@415");
}

/* A marker matches at the byte that completes it, regardless of how the input is split. */
static void test_at_once(void **state)
{
	static const uint8_t text[] = "\033[mlinux login\033[1m:\033[0m ";
	struct marker_matcher *m = matcher_of_guest(GUEST_LINUX);
	struct pattern_bits fired;

	(void)state;
	for (size_t i = 0; i < sizeof text - 2; i++) {
		assert_int_equal(matcher_feed(m, text + i, 1, &fired), 1);
		assert_true(fired.bits[0] == 0 && fired.bits[1] == 0);
	}
	assert_int_equal(matcher_feed(m, text + sizeof text - 2, 1, &fired), 1);
	assert_true(fired.bits[0] != 0);
	matcher_free(m);
}

/* Lines that users type or read are not a panic: they differ from a kernel's messages. */
static void test_not_panics(void **state)
{
	static const char *const lines[] = {"panic\n",
					    "kernel panic\n",
					    "grep -r panic: /var/log\n",
					    "panic ../kern/debug.c\n",
					    "Kernel panic - not syncing\n",
					    "db> is the prompt\n",
					    "# db> \n",
					    "see: Kernel panic - not syncing: x\n",
					    "tight loop\n",
					    "login: \b\n"};
	static const enum guest_kind guests[] = {GUEST_LINUX, GUEST_MACH, GUEST_GENERIC};

	(void)state;
	for (size_t g = 0; g < sizeof guests / sizeof *guests; g++) {
		struct marker_matcher *m = matcher_of_guest(guests[g]);

		for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
			char out[256], all[64];

			(void)snprintf(all, sizeof all, "$ %s", lines[i]);
			match(m, (const uint8_t *)all, strlen(all), 99, out, sizeof out);
			assert_string_equal(out, "");
		}
		matcher_free(m);
	}
}

/* How the Hurd's ext2fs (hyper.c) and Linux's ext2 and ext4 (super.c) say that nothing can be
 * written, and what they say of a disk that they mount all the same. */
static void test_read_only(void **state)
{
	static const struct {
		enum guest_kind guest;
		const char *text, *want;
	} rows[] = {
		{GUEST_HURD,
		 "ext2fs: part:2:device:wd0: warning: FILESYSTEM NOT UNMOUNTED CLEANLY; PLEASE "
		 "fsck\n",
		 "hint unclean-file-system@1"},
		{GUEST_HURD,
		 "ext2fs: part:2:device:wd0: warning: MOUNTED READ-ONLY; MUST USE `fsysopts "
		 "--writable'\n",
		 "hint read-only@1"},
		{GUEST_LINUX, "[   12.345678] EXT4-fs (sda1): Remounting filesystem read-only\n",
		 "hint read-only@1"},
		{GUEST_LINUX, "[    1.2] EXT2-fs (dm-0): error: remounting filesystem read-only\n",
		 "hint read-only@1"},
		{GUEST_LINUX,
		 "[   12.3] EXT4-fs error (device sda1): ext4_lookup:1855: inode #2: comm ls: x\n",
		 "hint unclean-file-system@1"},
		{GUEST_LINUX,
		 "[    1.2] EXT4-fs (sda1): warning: mounting unchecked fs, running e2fsck is "
		 "recommended\n",
		 "hint unclean-file-system@1"},
		{GUEST_LINUX,
		 "[    1.2] EXT4-fs (sda1): mounted filesystem 01234567 ro with ordered data "
		 "mode.\n",
		 ""},
		{GUEST_LINUX, "$ dmesg | grep 'Remounting filesystem read-only'\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct marker_matcher *m = matcher_of_guest(rows[i].guest);
		char out[256];

		match(m, (const uint8_t *)rows[i].text, strlen(rows[i].text), 99, out, sizeof out);
		assert_string_equal(out, rows[i].want);
		matcher_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),	   cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_embedded),   cmocka_unit_test(test_text),
		cmocka_unit_test(test_streams),	   cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_not_panics), cmocka_unit_test(test_read_only),
	};

	return cmocka_run_group_tests_name("markers", tests, NULL, NULL);
}
