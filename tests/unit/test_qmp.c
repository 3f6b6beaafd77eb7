/* test_qmp.c - the QMP client. The test takes QEMU's place at the other end of a socketpair and
 * sends complete, split and invalid messages. One test uses a real QEMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "qemu/qmp.h"

#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "         \
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"

static struct qmp q;
static int peer; /* QEMU's end */
static char notes[4096];

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	size_t used = strlen(notes);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(notes + used, sizeof notes - used, fmt, ap);
	va_end(ap);
}

static void on_event(struct qmp *from, const char *name, const struct json *doc,
		     const struct json_value *data, void *arg)
{
	const char *reason = json_string(doc, data, "reason");

	assert_ptr_equal(from, &q);
	assert_ptr_equal(arg, notes);
	note("[event %s %s]", name, reason ? reason : data ? "{}" : "-");
}

static void on_reply(struct qmp *from, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	const char *status = doc ? json_string(doc, result, "status") : NULL;

	assert_ptr_equal(from, &q);
	assert_true(!result == !!error);
	note("[%s: %s]", (const char *)arg, error ? error : status ? status : "ok");
}

static void on_reply_sends(struct qmp *from, const struct json *doc,
			   const struct json_value *result, const char *error, void *arg)
{
	on_reply(from, doc, result, error, arg);
	note("[sent %d]", qmp_send(from, "stop", NULL, on_reply, "second"));
}

static int set_up(void **state)
{
	int fds[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return -1;
	notes[0] = '\0';
	peer = fds[1];
	qmp_init(&q, fds[0], on_event, notes);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(q.fd);
	if (peer >= 0)
		(void)close(peer);
	return 0;
}

static void qemu_sends(const char *text)
{
	assert_int_equal(write(peer, text, strlen(text)), strlen(text));
}

/* The bytes that QEMU's end has received. */
static const char *qemu_received(void)
{
	static char buf[16384];
	ssize_t n = read(peer, buf, sizeof buf - 1);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* Greeting, capabilities, ready. This uses id 0. */
static void negotiate(void)
{
	qemu_sends(GREETING);
	assert_true(qmp_readable(&q));
	assert_string_equal(qemu_received(), "{\"execute\":\"qmp_capabilities\",\"id\":0}\n");
	qemu_sends("{\"return\": {}, \"id\": 0}\r\n");
	assert_true(qmp_readable(&q));
	assert_int_equal(q.state, QMP_READY);
}

static void capabilities_are_negotiated_at_the_greeting(void **state)
{
	(void)state;
	assert_int_equal(q.state, QMP_WAIT_GREETING);
	assert_string_equal(qemu_received(), "");
	assert_false(qmp_wants_write(&q));
	negotiate();
	assert_string_equal(q.version, "10.0.2");
	assert_string_equal(qemu_received(), "");
}

static void early_commands_are_held(void **state)
{
	(void)state;
	assert_true(qmp_send(&q, "query-status", NULL, on_reply, "early"));
	assert_true(qmp_send(&q, "cont", "{\"x\":[1]}", on_reply, "later"));
	negotiate();
	assert_string_equal(qemu_received(), "{\"execute\":\"query-status\",\"id\":1}\n");
	qemu_sends("{\"return\": {\"status\": \"prelaunch\"}, \"id\": 1}\r\n");
	assert_true(qmp_readable(&q));
	assert_string_equal(qemu_received(),
			    "{\"execute\":\"cont\",\"arguments\":{\"x\":[1]},\"id\":2}\n");
	assert_string_equal(notes, "[early: prelaunch]");
	qemu_sends("{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"no "
		   "\\\"x\\\"\"}}\r\n");
	assert_true(qmp_readable(&q));
	assert_string_equal(notes, "[early: prelaunch][later: no \"x\"]");
	assert_int_equal(q.queued, 0);
}

static void input_may_be_split_anywhere(void **state)
{
	static const char stream[] = GREETING
		"{\"return\":{},\"id\":0}"
		"{\"event\":\"RESUME\",\"timestamp\":{\"seconds\":1,\"microseconds\":2}}\r\n"
		"{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,\"reason\":\"guest-shutdown\"}}";

	(void)state;
	for (size_t i = 0; stream[i]; i++) {
		assert_int_equal(write(peer, stream + i, 1), 1);
		assert_true(qmp_readable(&q));
	}
	assert_string_equal(notes, "[event RESUME -][event SHUTDOWN guest-shutdown]");
	notes[0] = '\0';
	assert_int_equal(tear_down(NULL), 0);
	assert_int_equal(set_up(NULL), 0);
	/* all at once: the reply comes before the command is even sent, so only up to there */
	qemu_sends(GREETING "{\"event\":\"STOP\"}\n{\"event\":\"RESUME\"}\n");
	assert_true(qmp_readable(&q));
	assert_string_equal(notes, "[event STOP -][event RESUME -]");
}

static void a_reply_may_send_the_next_command(void **state)
{
	(void)state;
	negotiate();
	assert_true(qmp_send(&q, "query-status", NULL, on_reply_sends, "first"));
	assert_string_equal(qemu_received(), "{\"execute\":\"query-status\",\"id\":1}\n");
	qemu_sends("{\"return\":{},\"id\":1}");
	assert_true(qmp_readable(&q));
	assert_string_equal(qemu_received(), "{\"execute\":\"stop\",\"id\":2}\n");
	qemu_sends("{\"return\":{},\"id\":2}");
	assert_true(qmp_readable(&q));
	assert_string_equal(notes, "[first: ok][sent 1][second: ok]");
}

static void a_full_queue_accepts_no_more(void **state)
{
	char large[9000];

	(void)state;
	negotiate();
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_false(qmp_send(&q, large, NULL, NULL, NULL));
	for (int i = 0; i < QMP_QUEUE; i++)
		assert_true(qmp_send(&q, "stop", NULL, NULL, NULL));
	assert_false(qmp_send(&q, "stop", NULL, NULL, NULL));
	for (int i = 1; i <= QMP_QUEUE; i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "{\"execute\":\"stop\",\"id\":%d}\n", i);
		assert_string_equal(qemu_received(), text);
		(void)snprintf(text, sizeof text, "{\"return\":{},\"id\":%d}", i);
		qemu_sends(text);
		assert_true(qmp_readable(&q));
	}
	assert_int_equal(q.queued, 0);
	assert_int_equal(q.out_len, 0);
}

/* A peer that does not read: the command waits for EPOLLOUT, and arrives completely. */
static void a_full_socket_is_waited_for(void **state)
{
	static char arguments[4096];
	char got[8192];
	size_t n = 0;
	int size = 1;

	(void)state;
	(void)setsockopt(q.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	negotiate();
	memset(arguments, ' ', sizeof arguments - 1);
	arguments[0] = '{';
	arguments[sizeof arguments - 2] = '}';
	/* Fill the socket's buffer. */
	while (send(q.fd, arguments, 1024, MSG_DONTWAIT) > 0)
		continue;
	assert_true(qmp_send(&q, "stop", arguments, on_reply, "stop"));
	assert_true(qmp_wants_write(&q));
	assert_true(qmp_writable(&q));
	assert_true(qmp_wants_write(&q));
	while (qmp_wants_write(&q)) {
		(void)read(peer, got, sizeof got);
		assert_true(qmp_writable(&q));
	}
	for (ssize_t len; (len = read(peer, got + n, sizeof got - n)) > 0;)
		n += (size_t)len;
	assert_true(n >= 10 && memcmp(got + n - 10, "},\"id\":1}\n", 10) == 0);
}

static void ends_with_a_reason(const char *said, const char *why)
{
	qemu_sends(said);
	if (qmp_readable(&q) || strcmp(q.why_closed, why) != 0)
		fail_msg("%s: %s", said, q.why_closed);
	assert_int_equal(q.state, QMP_CLOSED);
	assert_false(qmp_readable(&q));
	assert_false(qmp_writable(&q));
	assert_false(qmp_wants_write(&q));
	assert_false(qmp_send(&q, "stop", NULL, on_reply, "late"));
}

static void garbage_before_the_greeting_ends_it(void **state)
{
	static const char *const cases[][2] = {
		{"SSH-2.0\r\n", "bad JSON from QEMU: a value is missing at byte 0 of 1"},
		{"{\"QMP\": 1}", "QEMU sent no QMP greeting"},
		{"[]", "QEMU sent no QMP greeting"},
		{"{\"return\":{},\"id\":0}", "QEMU sent no QMP greeting"},
		{"{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":\"2\",\"micro\":0}}}}",
		 "QEMU sent no QMP greeting"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ends_with_a_reason(cases[i][0], cases[i][1]);
		assert_int_equal(tear_down(NULL), 0);
		assert_int_equal(set_up(NULL), 0);
	}
}

static void garbage_later_ends_it(void **state)
{
	static const char *const cases[][2] = {
		{"{]", "bad JSON from QEMU: a name is missing in an object at byte 3 of 4"},
		{"{\"event\":1}", "an event without a name from QEMU"},
		{"{\"a\":1}", "neither an event nor a reply from QEMU"},
		{"{\"return\":{},\"error\":{\"desc\":\"\"},\"id\":1}",
		 "neither an event nor a reply from QEMU"},
		{"{\"return\":{},\"id\":7}",
		 "a reply to command 7 from QEMU, which is not under way"},
		{"{\"return\":{},\"id\":0}",
		 "a reply to command 0 from QEMU, which is not under way"},
		{"{\"return\":{}}", "a reply to no command from QEMU"},
		{"{\"error\":{\"desc\":\"odd\"}}", "a reply to no command from QEMU: odd"},
		{"{\"error\":{},\"id\":1}", "an error without a description from QEMU"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		negotiate();
		assert_true(qmp_send(&q, "query-status", NULL, on_reply, "query"));
		ends_with_a_reason(cases[i][0], cases[i][1]);
		char expected[256];

		/* the command's one answer */
		(void)snprintf(expected, sizeof expected, "[query: %s]", cases[i][1]);
		assert_string_equal(notes, expected);
		assert_int_equal(tear_down(NULL), 0);
		assert_int_equal(set_up(NULL), 0);
	}
}

static void a_reply_without_a_command_ends_it(void **state)
{
	(void)state;
	negotiate();
	ends_with_a_reason("{\"return\":{},\"id\":1}",
			   "a reply to command 1 from QEMU, which is not under way");
}

static void refused_capabilities_end_it(void **state)
{
	(void)state;
	assert_true(qmp_send(&q, "cont", NULL, on_reply, "cont"));
	qemu_sends(GREETING);
	assert_true(qmp_readable(&q));
	ends_with_a_reason("{\"id\":0,\"error\":{\"class\":\"x\",\"desc\":\"no\"}}",
			   "QEMU refused qmp_capabilities: no");
	assert_string_equal(notes, "[cont: QEMU refused qmp_capabilities: no]");
}

static void an_endless_object_ends_it(void **state)
{
	char chunk[4096];
	bool open = true;

	(void)state;
	negotiate();
	qemu_sends("{\"event\":\"");
	memset(chunk, 'x', sizeof chunk);
	for (int i = 0; i <= QMP_BUFFER / 4096 && open; i++) {
		(void)write(peer, chunk, sizeof chunk);
		open = qmp_readable(&q);
	}
	assert_false(open);
	assert_string_equal(q.why_closed, "more than 262143 bytes in one object from QEMU");
}

static void the_largest_object_is_accepted(void **state)
{
	static char text[QMP_BUFFER];
	size_t n = sizeof text - 1 - strlen("\r\n"); /* the end of the previous reply */

	(void)state;
	negotiate();
	memset(text, ' ', n);
	memcpy(text, "{\"event\":\"BIG\"", 14);
	text[n - 1] = '}';
	for (size_t at = 0; at < n;) {
		ssize_t done = write(peer, text + at, n - at < 4096 ? n - at : 4096);

		assert_true(done > 0);
		at += (size_t)done;
		assert_true(qmp_readable(&q));
	}
	assert_string_equal(notes, "[event BIG -]");
}

static void the_end_answers_queued_commands(void **state)
{
	(void)state;
	negotiate();
	assert_true(qmp_send(&q, "quit", NULL, on_reply, "quit"));
	assert_true(qmp_send(&q, "stop", NULL, NULL, NULL));
	assert_true(qmp_send(&q, "cont", NULL, on_reply, "cont"));
	qemu_sends(
		"{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":false,\"reason\":\"host-qmp-quit\"}}");
	(void)close(peer);
	peer = -1;
	/* a command to a closed socket neither ends the process nor loses the last messages */
	assert_true(qmp_send(&q, "query-status", NULL, NULL, NULL));
	assert_false(qmp_readable(&q));
	assert_string_equal(q.why_closed, "QEMU closed the connection");
	assert_string_equal(notes,
			    "[event SHUTDOWN host-qmp-quit][quit: QEMU closed the connection]"
			    "[cont: QEMU closed the connection]");
}

/* ---- a real QEMU ------------------------------------------------------------------------ */

static pid_t start_qemu(int fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (dup2(fd, 3) == 3)
		(void)execlp("qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults",
			     "-no-user-config", "-S", "-display", "none", "-accel", "tcg",
			     "-chardev", "socket,id=qmp,fd=3", "-qmp", "chardev:qmp", (char *)NULL);
	_exit(127);
}

/* Feed the client until its notes have TEXT, or it has ended (TEXT NULL). */
static void run_until(const char *text)
{
	for (;;) {
		struct pollfd p = {.fd = q.fd, .events = POLLIN};

		if (text && strstr(notes, text))
			return;
		if (qmp_wants_write(&q))
			p.events |= POLLOUT;
		if (poll(&p, 1, 20000) != 1)
			fail_msg("nothing from QEMU for 20 s; so far: %s", notes);
		if (!qmp_readable(&q)) {
			if (text)
				fail_msg("%s; so far: %s", q.why_closed, notes);
			return;
		}
	}
}

static void on_machines(struct qmp *from, const struct json *d, const struct json_value *result,
			const char *error, void *arg)
{
	int found = 0;

	(void)from;
	(void)arg;
	assert_null(error);
	for (int32_t i = result->first; i >= 0; i = d->values[i].next) {
		const char *alias = json_string(d, &d->values[i], "alias");

		found += alias && strcmp(alias, "q35") == 0;
	}
	note("[machines %d]", found);
}

static void a_real_qemu(void **state)
{
	int status;

	(void)state;
	pid_t pid = start_qemu(peer);

	assert_true(pid > 0);
	(void)close(peer);
	peer = -1;
	assert_true(qmp_send(&q, "query-status", NULL, on_reply, "status"));
	assert_true(qmp_send(&q, "query-machines", NULL, on_machines, NULL));
	assert_true(qmp_send(&q, "no-such-command", NULL, on_reply, "bad"));
	assert_true(qmp_send(&q, "stop", "{\"x\":1}", on_reply, "extra"));
	assert_true(qmp_send(&q, "cont", NULL, on_reply, "cont"));
	run_until("[cont: ok]");
	assert_string_equal(notes, "[status: prelaunch][machines 1]"
				   "[bad: The command no-such-command has not been found]"
				   "[extra: Parameter 'x' is unexpected]"
				   "[event RESUME -][cont: ok]");
	assert_true(q.version[0] >= '5' || (q.version[0] == '1' && q.version[1] != '.'));
	notes[0] = '\0';
	assert_true(qmp_send(&q, "quit", NULL, on_reply, "quit"));
	run_until(NULL);
	assert_non_null(strstr(notes, "[event SHUTDOWN host-qmp-quit]"));
	assert_non_null(strstr(notes, "[quit: "));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(capabilities_are_negotiated_at_the_greeting),
		TEST(early_commands_are_held),
		TEST(input_may_be_split_anywhere),
		TEST(a_reply_may_send_the_next_command),
		TEST(a_full_queue_accepts_no_more),
		TEST(a_full_socket_is_waited_for),
		TEST(garbage_before_the_greeting_ends_it),
		TEST(garbage_later_ends_it),
		TEST(a_reply_without_a_command_ends_it),
		TEST(refused_capabilities_end_it),
		TEST(an_endless_object_ends_it),
		TEST(the_largest_object_is_accepted),
		TEST(the_end_answers_queued_commands),
		TEST(a_real_qemu),
	};

	return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
