/* test_shell_stream.c - file transfers over an unreliable serial line: a real shell on a terminal,
 * and between it and the session a process that inserts kernel messages, delays bytes and loses
 * some.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "config/guest_preset.h"
#include "vm/shell_internal.h"
#include "vm/shell_stream.h"

#define STREAM	   60000
#define MARK_WORDS 16 /* hexadecimal digits of a mark */

/* How the line is disturbed. */
enum line {
	LINE_KIND,
	LINE_LATE,  /* each mark comes late, each third after a kernel message */
	LINE_LOSES, /* of every fifth long piece that is typed, the tail is lost; of "end", the e */
};

static const char kernel_says[] = "\r\n[  123.456789] kernel says something\r\n";

/* Where a mark A, D or Z begins in the N bytes at TEXT, from FROM on; N: none does. */
static size_t find_mark(const char *text, size_t from, size_t n)
{
	for (size_t at = from; at + MARK_WORDS + 1 < n; at++)
		if (strchr("ADZ", text[at]) && text[at + MARK_WORDS + 1] == '.' &&
		    strspn(text + at + 1, "0123456789abcdef") == MARK_WORDS)
			return at;
	return n;
}

static void from_guest(enum line line, const char *text, size_t n, int to)
{
	const struct timespec late = {.tv_nsec = 15000000};
	static unsigned marks;
	size_t at = 0;

	while (line == LINE_LATE && at < n) {
		size_t mark = find_mark(text, at + 1, n);

		(void)write_all(to, text + at, mark - at);
		at = mark;
		if (at < n && ++marks % 3 == 0)
			(void)write_all(to, kernel_says, sizeof kernel_says - 1);
		if (at < n)
			(void)nanosleep(&late, NULL);
	}
	(void)write_all(to, text + at, n - at);
}

static void from_session(enum line line, const char *text, size_t n, int to)
{
	static unsigned pieces;
	static bool end_lost;

	if (line == LINE_LOSES && !end_lost && n == 4 && memcmp(text, "end\n", 4) == 0) {
		end_lost = true;
		(void)write_all(to, text + 1, 3);
		return;
	}
	if (line == LINE_LOSES && n > 150 && ++pieces % 5 == 0) {
		(void)write_all(to, text, n / 2);
		(void)write_all(to, text + n - 1, 1);
		return;
	}
	(void)write_all(to, text, n);
}

/* Pass data in both directions until one side is closed. */
_Noreturn static void meddle(enum line line, int guest, int people)
{
	struct pollfd p[2] = {{.fd = guest, .events = POLLIN}, {.fd = people, .events = POLLIN}};
	static char text[65536];

	for (;;) {
		(void)poll(p, 2, -1);
		for (int i = 0; i < 2; i++) {
			if (!p[i].revents)
				continue;
			ssize_t n = read(p[i].fd, text, sizeof text - 1);

			if (n <= 0)
				_exit(0);
			text[n] = '\0';
			if (i == 0)
				from_guest(line, text, (size_t)n, people);
			else
				from_session(line, text, (size_t)n, guest);
		}
	}
}

struct fixture {
	struct session *session;
	pid_t meddler;
	int in, out; /* files: what is sent, what came */
	uint8_t sent[STREAM];
};

/* A shell whose terminal is held by the process in between, and a session with it. */
static int set_up(void **state)
{
	enum line line = (enum line)(intptr_t)*state;
	struct fixture *f = calloc(1, sizeof *f);
	struct error err = {0};
	int fds[2];

	assert_non_null(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->meddler = fork();
	assert_true(f->meddler >= 0);
	if (f->meddler == 0) {
		int guest;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (forkpty(&guest, NULL, NULL, NULL) == 0) {
			(void)setenv("PS1", "# ", 1);
			(void)unsetenv("ENV");
			(void)execl("/bin/sh", "sh", "-i", (char *)NULL);
			_exit(127);
		}
		(void)close(fds[0]);
		meddle(line, guest, fds[1]);
	}
	(void)close(fds[1]);
	const struct session_options options = {.preset = preset_of(GUEST_LINUX), .user = "root"};

	f->session = session_open(fds[0], &options, &err);
	if (!f->session)
		fail_msg("%s", err.message);
	f->in = memfd_create("in", MFD_CLOEXEC);
	f->out = memfd_create("out", MFD_CLOEXEC);
	srand(1);
	for (size_t i = 0; i < STREAM; i++)
		f->sent[i] = (uint8_t)rand();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	session_close(f->session, false);
	(void)close(f->in);
	(void)close(f->out);
	(void)waitpid(f->meddler, NULL, 0);
	free(f);
	return 0;
}

static void count(void *arg, size_t n)
{
	*(size_t *)arg += n;
}

/* N bytes written to a file in the guest and read back are unchanged. */
static void round_trip(struct fixture *f, size_t n, enum serial_code code, enum serial_sum sum)
{
	size_t progress = 0;
	struct session_stream t = {

		.code = code, .sum = sum, .progress = count, .arg = &progress};
	char path[] = "/tmp/test-session-stream.XXXXXX";
	char command[64];
	struct error err = {0};
	int status = -1;
	static uint8_t back[STREAM + 1];
	int file = mkstemp(path);

	assert_true(file >= 0);
	assert_int_equal(ftruncate(f->in, 0), 0);
	assert_int_equal(pwrite(f->in, f->sent, n, 0), (ssize_t)n);
	assert_int_equal(lseek(f->in, 0, SEEK_SET), 0);
	t.fd = f->in;
	(void)snprintf(command, sizeof command, "cat >%s", path);
	enum session_result result = session_push(f->session, command, &t, &status, &err);

	if (result != SESSION_DONE)
		fail_msg("push: %s", err.message);
	assert_int_equal(status, 0);
	assert_int_equal(progress, n);
	assert_int_equal(pread(file, back, sizeof back, 0), (ssize_t)n);
	assert_memory_equal(back, f->sent, n);

	if (sum == SUM_SHELL) /* for a push only */
		t.sum = SUM_CKSUM;
	progress = 0;
	assert_int_equal(ftruncate(f->out, 0), 0);
	assert_int_equal(lseek(f->out, 0, SEEK_SET), 0);
	t.fd = f->out;
	(void)snprintf(command, sizeof command, "cat %s", path);
	result = session_pull(f->session, command, &t, &status, &err);
	(void)close(file);
	(void)unlink(path);
	if (result != SESSION_DONE)
		fail_msg("pull: %s", err.message);
	assert_int_equal(status, 0);
	assert_int_equal(progress, n);
	assert_int_equal(pread(f->out, back, sizeof back, 0), (ssize_t)n);
	assert_memory_equal(back, f->sent, n);
}

static void streams_of_every_length(void **state)
{
	static const size_t lengths[] = {0, 1, 47, 48, 192, 2880, 2881, STREAM};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		round_trip(*state, lengths[i], CODE_BASE64, SUM_SHA256);
}

static void a_stream(void **state)
{
	round_trip(*state, STREAM, CODE_BASE64, SUM_SHA256);
}

static void a_stream_as_octal_digits(void **state)
{
	round_trip(*state, STREAM / 10, CODE_DIGITS, SUM_CKSUM);
}

static void streams_with_the_shell_alone(void **state)
{
	static const size_t lengths[] = {0, 1, 47};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		round_trip(*state, lengths[i], CODE_DIGITS, SUM_SHELL);
}

static void a_stream_with_the_shell_alone(void **state)
{
	round_trip(*state, STREAM / 10, CODE_DIGITS, SUM_SHELL);
}

/* Output at the end of a command is not attributed to the next one. */
static void commands_one_after_another(void **state)
{
	struct fixture *f = *state;
	struct error err = {0};
	int status;

	for (int i = 0; i < 10; i++) {
		char command[32];

		(void)snprintf(command, sizeof command, "(exit %d)", i);
		assert_int_equal(session_exec(f->session, command, 0, f->out, &status, &err),
				 SESSION_DONE);
		assert_int_equal(status, i);
	}
}

static void a_command_that_fails(void **state)
{
	struct fixture *f = *state;
	struct session_stream t = {.code = CODE_BASE64, .sum = SUM_SHA256, .fd = f->in};
	struct error err = {0};
	int status = -1;

	assert_int_equal(pwrite(f->in, f->sent, STREAM, 0), STREAM);
	assert_int_equal(session_push(f->session, "echo it is full >&2; exit 3", &t, &status, &err),
			 SESSION_DONE);
	assert_int_equal(status, 3);
	assert_non_null(strstr(t.said, "it is full"));
	/* The line can be used by the next session. */
	round_trip(f, 100, CODE_BASE64, SUM_SHA256);
}

static void count_call(void *arg)
{
	++*(int *)arg;
}

/* A command to be run first is in the first command's line, once. */
static void a_request_before_the_first_command(void **state)
{
	struct fixture *f = *state;
	struct error err = {0};
	int calls = 0;
	int status = -1;

	f->session->w.first = "x=$((x + 1)) >/dev/null";
	f->session->w.first_ran = count_call;
	f->session->w.arg = &calls;
	for (int i = 0; i < 2; i++)
		assert_int_equal(session_exec(f->session, "exit 5", 0, f->out, &status, &err),
				 SESSION_DONE);
	assert_int_equal(status, 5);
	assert_int_equal(calls, 1);
}

#define ON(test, line)                                                                             \
	{                                                                                          \
#test " on " #line, test, set_up, tear_down, (void *)(intptr_t)(line)              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(streams_of_every_length, LINE_KIND),
		ON(a_stream_as_octal_digits, LINE_KIND),
		ON(streams_with_the_shell_alone, LINE_KIND),
		ON(commands_one_after_another, LINE_KIND),
		ON(a_request_before_the_first_command, LINE_KIND),
		ON(a_command_that_fails, LINE_KIND),
		ON(a_stream, LINE_LATE),
		ON(a_stream_as_octal_digits, LINE_LATE),
		ON(commands_one_after_another, LINE_LATE),
		ON(a_stream, LINE_LOSES),
		ON(a_stream_with_the_shell_alone, LINE_LATE),
		ON(a_stream_with_the_shell_alone, LINE_LOSES),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
