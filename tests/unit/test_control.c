/* test_control.c - the control socket: real connections, and a handler that is the test. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/io.h"
#include "proto/control.h"

static struct control control;
static int epoll, listener;
static struct sockaddr_un address;
static socklen_t address_len;
static char requests[512]; /* that were handled: "[SLOT: TEXT]" */
static int last_slot;

static void on_request(struct control *c, int slot, char *request, void *arg)
{
	size_t used = strlen(requests);

	assert_ptr_equal(c, &control);
	assert_ptr_equal(arg, requests);
	last_slot = slot;
	(void)snprintf(requests + used, sizeof requests - used, "[%s]", request);
}

static int set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	memset(&control, 0, sizeof control);
	requests[0] = '\0';
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	address_len = sizeof address;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* The kernel finds an abstract name. */
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address.sun_family), 0);
	assert_int_equal(listen(listener, 256), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &address_len), 0);
	assert_true(control_init(&control, epoll, listener, 6, on_request, requests));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fd_close(&control.clients[i].fd);
	(void)close(listener);
	(void)close(epoll);
	return 0;
}

/* Until there is nothing to do. */
static void turn(void)
{
	struct epoll_event e;

	while (epoll_wait(epoll, &e, 1, 0) == 1) {
		struct loop_ref ref = loop_ref_of(e.data.u64);

		assert_int_equal(ref.type, 6);
		control_event(&control, ref, e.events);
	}
}

static int connects(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, address_len), 0);
	turn();
	return fd;
}

static void says(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn();
}

static int asks(const char *text)
{
	int fd = connects();

	says(fd, text);
	return fd;
}

/* All that comes until the end of the stream; FD is closed. */
static const char *hears(int fd)
{
	static char text[512];
	size_t n = 0;
	ssize_t got;

	while ((got = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	if (got != 0)
		fail_msg("the stream has no end behind: %s", text);
	(void)close(fd);
	return text;
}

static bool is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

static int in_use(void)
{
	int n = 0;

	for (int i = 0; i < CONTROL_CLIENTS; i++)
		n += control.clients[i].fd >= 0;
	return n;
}

static void a_request_is_a_line(void **state)
{
	(void)state;
	int fd = connects();

	says(fd, "wa");
	says(fd, "it log");
	assert_string_equal(requests, "");
	says(fd, "in\nand more\n");
	assert_string_equal(requests, "[wait login]");
	says(fd, "status\n"); /* one for each connection */
	assert_string_equal(requests, "[wait login]");
	assert_true(is_open(fd));
	control_answer(&control, last_slot, 81, "too late\n");
	assert_string_equal(hears(fd), "81\ntoo late\n");
	assert_int_equal(in_use(), 0);
	/* A second answer has nowhere to go. */
	control_answer(&control, last_slot, 0, "x");
}

static void a_request_has_its_bound(void **state)
{
	static char text[CONTROL_REQUEST + 1];

	(void)state;
	memset(text, 'x', CONTROL_REQUEST - 1);
	int fd = asks(text);

	assert_true(is_open(fd));
	says(fd, "y");
	assert_string_equal(hears(fd), "64\nthe request is too long\n");
	assert_string_equal(requests, "");
	/* The longest that is taken. */
	text[CONTROL_REQUEST - 1] = '\n';
	fd = asks(text);
	assert_int_equal(strlen(control.requests[last_slot]), CONTROL_REQUEST - 1);
	(void)close(fd);
}

static void who_leaves_is_forgotten(void **state)
{
	(void)state;
	int fd = asks("sta");

	(void)close(fd);
	turn();
	assert_int_equal(in_use(), 0);
	assert_string_equal(requests, "");
	fd = asks("wait\n");
	(void)close(fd);
	turn();
	assert_int_equal(in_use(), 0);
	control_answer(&control, last_slot, 0, "");
}

static void a_client_has_a_number_of_its_own(void **state)
{
	(void)state;
	uint64_t first;
	int fd = asks("a\n");

	first = control.clients[last_slot].number;
	control_answer(&control, last_slot, 0, "");
	(void)close(fd);
	int slot = last_slot;

	fd = asks("b\n");
	assert_int_equal(last_slot, slot);
	assert_true(control.clients[slot].number != first);
	assert_int_equal(control.clients[slot].waits_for, 0);
	assert_false(control.clients[slot].waiting);
	/* An event of the connection before is none of the one in its place. */
	(void)close(fd);
	turn();
	requests[0] = '\0';
	fd = connects();
	assert_int_equal(send(fd, "c\n", 2, MSG_NOSIGNAL), 2);
	control_event(&control,
		      (struct loop_ref){.slot = (uint16_t)slot, .fd = control.clients[slot].fd + 1},
		      EPOLLIN);
	control_event(&control, (struct loop_ref){.slot = CONTROL_CLIENTS, .fd = -1}, EPOLLIN);
	assert_string_equal(requests, "");
	turn();
	assert_string_equal(requests, "[c]");
	(void)close(fd);
}

static void the_oldest_silent_client_makes_room(void **state)
{
	int fds[CONTROL_CLIENTS];

	(void)state;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = i % 2 ? asks("wait\n") : connects();
	/* fds[0] and fds[2] are the first two that have asked nothing. */
	int fd = asks("stop\n");

	assert_string_equal(hears(fds[0]), "");
	assert_true(is_open(fds[2]));
	assert_int_equal(in_use(), CONTROL_CLIENTS);
	(void)close(fd);
	turn();
	for (int i = 1; i < CONTROL_CLIENTS; i++)
		(void)close(fds[i]);
}

static void with_all_places_at_work_a_client_is_told(void **state)
{
	int fds[CONTROL_CLIENTS];

	(void)state;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = asks("w\n");
	assert_string_equal(hears(connects()), "69\ntoo many requests are under way; try again\n");
	(void)close(fds[5]);
	turn();
	int fd = asks("w\n");

	assert_true(is_open(fd));
	(void)close(fd);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (i != 5)
			(void)close(fds[i]);
}

static void only_some_may_wait_for_ever(void **state)
{
	int fds[CONTROL_WAITING + 1];

	(void)state;
	for (int i = 0; i <= CONTROL_WAITING; i++) {
		fds[i] = asks("w\n");
		assert_int_equal(control_wait(&control, last_slot, 3), i < CONTROL_WAITING);
	}
	assert_string_equal(hears(fds[CONTROL_WAITING]),
			    "69\ntoo many programs wait already (vm wait); end some of them\n");
	/* Who goes leaves his place. */
	(void)close(fds[0]);
	turn();
	int fd = asks("w\n");

	assert_true(control_wait(&control, last_slot, 3));
	assert_int_equal(control.clients[last_slot].waits_for, 3);
	(void)close(fd);
	for (int i = 1; i < CONTROL_WAITING; i++)
		(void)close(fds[i]);
}

static void qemu_has_no_business_here(void **state)
{
	pid_t qemu = getpid();

	(void)state;
	control.refused = &qemu;
	assert_string_equal(hears(connects()), "");
	qemu = 0; /* none runs */
	int fd = asks("status\n");

	assert_true(is_open(fd));
	(void)close(fd);
	turn();
	qemu = getpid() + 1;
	fd = asks("status\n");
	assert_true(is_open(fd));
	(void)close(fd);
}

static void a_connection_is_taken_over(void **state)
{
	char wanted[32], text[64];

	(void)state;
	int fd = asks("console live\n");

	(void)snprintf(wanted, sizeof wanted, "0 %llu\nmore\n",
		       (unsigned long long)control.clients[last_slot].number);
	int ours = control_take(&control, last_slot, "more\n");

	assert_int_equal(in_use(), 0);
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, wanted);
	says(fd, "typed\n");
	assert_string_equal(requests, "[console live]");
	(void)close(fd);
	(void)close(ours);
}

static void a_long_answer_comes_whole(void **state)
{
	static char text[150000], got[160000];
	size_t n = 0;
	ssize_t part;

	(void)state;
	memset(text, 'a', sizeof text - 1);
	int fd = asks("status\n");

	control_answer(&control, last_slot, 0, text);
	while ((part = recv(fd, got + n, sizeof got - n, MSG_DONTWAIT)) > 0)
		n += (size_t)part;
	assert_int_equal(part, 0);
	assert_int_equal(n, sizeof text + 1);
	(void)close(fd);
	/* Who does not read does not hold us up. */
	fd = asks("status\n");
	for (int i = 0; i < 100; i++)
		control_answer(&control, last_slot, 0, text);
	assert_int_equal(in_use(), 0);
	(void)close(fd);
}

static int status_of(const struct control_client *client, int status)
{
	return client->waits_for ? status : 1;
}

static void all_hear_the_end(void **state)
{
	(void)state;
	int first = asks("wait\n");

	(void)control_wait(&control, last_slot, 5);
	int second = asks("x\n");
	int third = connects(); /* has asked nothing */

	control_farewell(&control, status_of, 80, "the guest has ended\n");
	assert_string_equal(hears(first), "80\nthe guest has ended\n");
	assert_string_equal(hears(second), "1\nthe guest has ended\n");
	assert_string_equal(hears(third), "1\nthe guest has ended\n");
	assert_int_equal(in_use(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_a_line),
		TEST(a_request_has_its_bound),
		TEST(who_leaves_is_forgotten),
		TEST(a_client_has_a_number_of_its_own),
		TEST(the_oldest_silent_client_makes_room),
		TEST(with_all_places_at_work_a_client_is_told),
		TEST(only_some_may_wait_for_ever),
		TEST(qemu_has_no_business_here),
		TEST(a_connection_is_taken_over),
		TEST(a_long_answer_comes_whole),
		TEST(all_hear_the_end),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
