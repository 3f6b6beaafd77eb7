/* test_web_console.c - vm-web's connection to the serial console (web/console.c): browsers with and
 * without the scrollback, and how often it is read. PID 1's end is a socket, and the timer's expiry
 * is in the test's hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "web/web.h"

#define BROWSERS 12

static struct {
	int pid1; /* PID 1's end of the line */
	int timer;
	long armed_ns;
	struct task task;
	bool connecting;
	unsigned wakes;
	struct session browsers[BROWSERS];
} room;

/* ---- what web/console.c calls --------------------------------------------------------------- */

/* The names in the C library's header are reserved ones. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int timerfd_create(clockid_t clock, int flags)
{
	(void)clock, (void)flags;
	return room.timer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	(void)fd, (void)flags, (void)old;
	room.armed_ns = when->it_value.tv_nsec;
	return 0;
}

void session_wake(struct session *s)
{
	(void)s;
	room.wakes++;
}

void session_kill(struct session *s)
{
	s->failed = true;
}

int lws_rx_flow_control(struct lws *wsi, int enable)
{
	(void)wsi, (void)enable;
	return 0;
}

struct task *task_start(enum web_op op, const char *const *texts, struct session *s,
			task_output *output, task_done *done, void *arg)
{
	assert_int_equal(op, WEB_CONTROL);
	assert_string_equal(texts[0], "console all marked");
	assert_false(room.connecting);
	room.connecting = true;
	room.task = (struct task){
		.session = s, .output = output, .done = done, .arg = arg, .status = 0, .fd = -1};
	return &room.task;
}

void task_cancel(struct task *t)
{
	(void)t;
	room.connecting = false;
}

/* ---- the room ------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	static bool started;

	(void)state;
	if (!started) {
		assert_true(watch_open() >= 0);
		assert_true(console_start());
	}
	started = true;
	room.wakes = 0;
	room.armed_ns = 0;
	return 0;
}

/* PID 1 accepts the connection. */
static void connected(void)
{
	int pair[2];

	assert_true(room.connecting);
	room.connecting = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	room.pid1 = pair[0];
	room.task.fd = pair[1];
	room.task.done(&room.task);
}

static struct session *browse(unsigned i, bool live)
{
	room.browsers[i] = (struct session){0};
	console_open(&room.browsers[i], false, live);
	return &room.browsers[i];
}

static void leave(struct session *s)
{
	buffer_free(&s->out);
	if (s->closed)
		s->closed(s);
}

static void say(const char *text, size_t n)
{
	assert_int_equal(send(room.pid1, text, n, MSG_NOSIGNAL), n);
	watch_run();
}

#define SAY(text) say(text, sizeof(text) - 1)

/* S has received TEXT since the last time. */
static void gets(struct session *s, const char *text)
{
	while (s->fill(s))
		continue;
	assert_int_equal(s->out.len, strlen(text));
	if (s->out.len > 0)
		assert_memory_equal(s->out.data + s->out.at, text, s->out.len);
	buffer_take(&s->out, s->out.len);
}

static void timer_expires(void)
{
	const uint64_t one = 1;

	assert_true(room.armed_ns > 0);
	room.armed_ns = 0;
	assert_int_equal(write(room.timer, &one, sizeof one), sizeof one);
	watch_run();
}

/* ---- the tests ------------------------------------------------------------------------------ */

/* The guest never pauses: what follows the mark is not taken as scrollback. */
static void a_live_browser_begins_at_the_mark(void **state)
{
	(void)state;
	struct session *live = browse(0, true), *all = browse(1, false);

	connected();
	SAY("0 7\nold");
	gets(live, "");
	gets(all, "old");
	SAY(" text\005ne");
	gets(live, "ne");
	gets(all, " textne");
	SAY("w\005");
	gets(live, "w\005");
	gets(all, "w\005");
	struct session *late = browse(2, true), *late_all = browse(3, false);

	gets(late, "");
	gets(late_all, "old textnew");
	SAY(" output");
	gets(late, " output");
	gets(live, " output");
	gets(all, " output");
	gets(late_all, " output");
	leave(live);
	leave(all);
	leave(late);
	leave(late_all);
	(void)close(room.pid1);
}

/* All in one piece; and a live browser that comes while the scrollback does. */
static void the_mark_may_come_with_the_head(void **state)
{
	(void)state;
	struct session *live = browse(0, true);

	connected();
	SAY("0 8\nold\005new");
	gets(live, "new");
	leave(live);
	(void)close(room.pid1);
	/* The next connection has a scrollback of its own. */
	struct session *all = browse(0, false);

	connected();
	SAY("0 9\nold");
	live = browse(1, true);
	SAY("er\005new");
	gets(live, "new");
	gets(all, "oldernew");
	leave(live);
	leave(all);
	(void)close(room.pid1);
}

/* Eight browsers are served at once. With more, PID 1 is read again only when the timer expires,
 * and then everything in one piece. */
static void with_many_browsers_it_is_read_less_often(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		(void)browse(i, false);
	connected();
	SAY("0 7\n\005");
	for (unsigned i = 0; i < 20; i++) {
		unsigned before = room.wakes;

		SAY("a");
		assert_int_equal(room.armed_ns, 0);
		assert_int_equal(room.wakes, before + 8);
		gets(&room.browsers[7], "a");
	}
	struct session *ninth = browse(8, true);
	unsigned before = room.wakes;

	SAY("b");
	gets(ninth, "b");
	assert_int_equal(room.wakes, before + 9);
	assert_int_equal(room.armed_ns, 9 * 100000);
	for (unsigned i = 0; i < 20; i++)
		SAY("c");
	gets(ninth, "");
	assert_int_equal(room.wakes, before + 9);
	timer_expires();
	assert_int_equal(room.wakes, before + 18);
	gets(ninth, "cccccccccccccccccccc");
	/* What browsers type is sent meanwhile. */
	char typed[8];

	assert_true(room.armed_ns > 0);
	ninth->received(ninth, "x", 1);
	assert_int_equal(recv(room.pid1, typed, sizeof typed, MSG_DONTWAIT), 1);
	SAY("d");
	gets(ninth, "");
	timer_expires();
	gets(ninth, "d");
	for (unsigned i = 0; i < 9; i++)
		leave(&room.browsers[i]);
	(void)close(room.pid1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_live_browser_begins_at_the_mark, set_up),
		cmocka_unit_test_setup(the_mark_may_come_with_the_head, set_up),
		cmocka_unit_test_setup(with_many_browsers_it_is_read_less_often, set_up),
	};

	return cmocka_run_group_tests_name("web_console", tests, NULL, NULL);
}
