/* test_control.c - the control socket: real connections, handled by the test. */
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

/* Run the loop until no event is pending. */
static void run_loop(void)
{
	struct epoll_event e;

	while (epoll_wait(epoll, &e, 1, 0) == 1) {
		struct loop_ref ref = loop_ref_of(e.data.u64);

		assert_int_equal(ref.type, 6);
		control_event(&control, ref, e.events);
	}
}

static int connect_client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, address_len), 0);
	run_loop();
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	run_loop();
}

static int connect_and_send(const char *text)
{
	int fd = connect_client();

	send_text(fd, text);
	return fd;
}

/* Read up to the end of the stream and close FD. */
static const char *read_to_end(int fd)
{
	static char text[512];
	size_t n = 0;
	ssize_t got;

	while ((got = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	if (got != 0)
		fail_msg("the stream does not end after: %s", text);
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
	int fd = connect_client();

	send_text(fd, "wa");
	send_text(fd, "it log");
	assert_string_equal(requests, "");
	send_text(fd, "in\nand more\n");
	assert_string_equal(requests, "[wait login]");
	send_text(fd, "status\n"); /* one for each connection */
	assert_string_equal(requests, "[wait login]");
	assert_true(is_open(fd));
	control_answer(&control, last_slot, 81, "too late\n");
	assert_string_equal(read_to_end(fd), "81\ntoo late\n");
	assert_int_equal(in_use(), 0);
	/* A second answer is dropped. */
	control_answer(&control, last_slot, 0, "x");
}

static void a_request_has_a_maximum_length(void **state)
{
	static char text[CONTROL_REQUEST + 1];

	(void)state;
	memset(text, 'x', CONTROL_REQUEST - 1);
	int fd = connect_and_send(text);

	assert_true(is_open(fd));
	send_text(fd, "y");
	assert_string_equal(read_to_end(fd), "64\nthe request is too long\n");
	assert_string_equal(requests, "");
	/* The longest request that is accepted. */
	text[CONTROL_REQUEST - 1] = '\n';
	fd = connect_and_send(text);
	assert_int_equal(strlen(control.requests[last_slot]), CONTROL_REQUEST - 1);
	(void)close(fd);
}

static void a_client_that_disconnects_frees_its_slot(void **state)
{
	(void)state;
	int fd = connect_and_send("sta");

	(void)close(fd);
	run_loop();
	assert_int_equal(in_use(), 0);
	assert_string_equal(requests, "");
	fd = connect_and_send("wait\n");
	(void)close(fd);
	run_loop();
	assert_int_equal(in_use(), 0);
	control_answer(&control, last_slot, 0, "");
}

static void a_client_has_a_number_of_its_own(void **state)
{
	(void)state;
	uint64_t first;
	int fd = connect_and_send("a\n");

	first = control.clients[last_slot].number;
	control_answer(&control, last_slot, 0, "");
	(void)close(fd);
	int slot = last_slot;

	fd = connect_and_send("b\n");
	assert_int_equal(last_slot, slot);
	assert_true(control.clients[slot].number != first);
	assert_int_equal(control.clients[slot].waits_for, 0);
	assert_false(control.clients[slot].waiting);
	/* An event of an earlier connection does not apply to its successor in the slot. */
	(void)close(fd);
	run_loop();
	requests[0] = '\0';
	fd = connect_client();
	assert_int_equal(send(fd, "c\n", 2, MSG_NOSIGNAL), 2);
	control_event(&control,
		      (struct loop_ref){.slot = (uint16_t)slot, .fd = control.clients[slot].fd + 1},
		      EPOLLIN);
	control_event(&control, (struct loop_ref){.slot = CONTROL_CLIENTS, .fd = -1}, EPOLLIN);
	assert_string_equal(requests, "");
	run_loop();
	assert_string_equal(requests, "[c]");
	(void)close(fd);
}

static void the_oldest_silent_client_is_evicted(void **state)
{
	int fds[CONTROL_CLIENTS];

	(void)state;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = i % 2 ? connect_and_send("wait\n") : connect_client();
	/* fds[0] and fds[2] are the first two without a request. */
	int fd = connect_and_send("stop\n");

	assert_string_equal(read_to_end(fds[0]), "");
	assert_true(is_open(fds[2]));
	assert_int_equal(in_use(), CONTROL_CLIENTS);
	(void)close(fd);
	run_loop();
	for (int i = 1; i < CONTROL_CLIENTS; i++)
		(void)close(fds[i]);
}

static void with_all_places_busy_a_client_is_refused(void **state)
{
	int fds[CONTROL_CLIENTS];

	(void)state;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = connect_and_send("w\n");
	assert_string_equal(read_to_end(connect_client()),
			    "69\ntoo many requests are under way; try again\n");
	(void)close(fds[5]);
	run_loop();
	int fd = connect_and_send("w\n");

	assert_true(is_open(fd));
	(void)close(fd);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (i != 5)
			(void)close(fds[i]);
}

static void only_some_requests_may_wait_without_limit(void **state)
{
	int fds[CONTROL_WAITING + 1];

	(void)state;
	for (int i = 0; i <= CONTROL_WAITING; i++) {
		fds[i] = connect_and_send("w\n");
		assert_int_equal(control_wait(&control, last_slot, 3), i < CONTROL_WAITING);
	}
	assert_string_equal(read_to_end(fds[CONTROL_WAITING]),
			    "69\ntoo many clients wait already (vm wait): end some of them\n");
	/* A client that disconnects frees its slot. */
	(void)close(fds[0]);
	run_loop();
	int fd = connect_and_send("w\n");

	assert_true(control_wait(&control, last_slot, 3));
	assert_int_equal(control.clients[last_slot].waits_for, 3);
	(void)close(fd);
	for (int i = 1; i < CONTROL_WAITING; i++)
		(void)close(fds[i]);
}

static void connections_from_qemu_are_refused(void **state)
{
	pid_t qemu = getpid();

	(void)state;
	control.refused = &qemu;
	assert_string_equal(read_to_end(connect_client()), "");
	qemu = 0; /* none runs */
	int fd = connect_and_send("status\n");

	assert_true(is_open(fd));
	(void)close(fd);
	run_loop();
	qemu = getpid() + 1;
	fd = connect_and_send("status\n");
	assert_true(is_open(fd));
	(void)close(fd);
}

static void a_connection_can_be_taken_over(void **state)
{
	char wanted[32], text[64];

	(void)state;
	int fd = connect_and_send("console live\n");

	(void)snprintf(wanted, sizeof wanted, "0 %llu\nmore\n",
		       (unsigned long long)control.clients[last_slot].number);
	int ours = control_take(&control, last_slot, "more\n");

	assert_int_equal(in_use(), 0);
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, wanted);
	send_text(fd, "typed\n");
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
	int fd = connect_and_send("status\n");

	control_answer(&control, last_slot, 0, text);
	while ((part = recv(fd, got + n, sizeof got - n, MSG_DONTWAIT)) > 0)
		n += (size_t)part;
	assert_int_equal(part, 0);
	assert_int_equal(n, sizeof text + 1);
	(void)close(fd);
	/* A client that does not read does not block us. */
	fd = connect_and_send("status\n");
	for (int i = 0; i < 100; i++)
		control_answer(&control, last_slot, 0, text);
	assert_int_equal(in_use(), 0);
	(void)close(fd);
}

static int status_of(const struct control_client *client, int status)
{
	return client->waits_for ? status : 1;
}

static void every_client_is_informed_of_the_end(void **state)
{
	(void)state;
	int first = connect_and_send("wait\n");

	(void)control_wait(&control, last_slot, 5);
	int second = connect_and_send("x\n");
	int third = connect_client(); /* has sent no request */

	control_farewell(&control, status_of, 80, "the guest has ended\n");
	assert_string_equal(read_to_end(first), "80\nthe guest has ended\n");
	assert_string_equal(read_to_end(second), "1\nthe guest has ended\n");
	assert_string_equal(read_to_end(third), "1\nthe guest has ended\n");
	assert_int_equal(in_use(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_a_line),
		TEST(a_request_has_a_maximum_length),
		TEST(a_client_that_disconnects_frees_its_slot),
		TEST(a_client_has_a_number_of_its_own),
		TEST(the_oldest_silent_client_is_evicted),
		TEST(with_all_places_busy_a_client_is_refused),
		TEST(only_some_requests_may_wait_without_limit),
		TEST(connections_from_qemu_are_refused),
		TEST(a_connection_can_be_taken_over),
		TEST(a_long_answer_comes_whole),
		TEST(every_client_is_informed_of_the_end),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
