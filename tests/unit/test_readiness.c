/* test_readiness.c - when a guest counts as ready, late or silent; and the probes of its ports,
 * with the test as the server.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "room.h"

#include "pid1/port_probe.h"
#include "pid1/readiness.h"

static struct readiness readiness;
static struct port_probes probes;
static int server; /* listens on the port that is forwarded to guest port 22 */

static void on_timer(enum timer_id id)
{
	if (id == TIMER_BOOT)
		readiness_boot_timer(&readiness);
	if (id == TIMER_SILENCE)
		readiness_silence_timer(&readiness);
	if (id == TIMER_PROBES)
		probes_timer(&probes);
}

/* A listening socket on the loopback address; *PORT gets its port. */
static int listen_anywhere(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static int set_up(void **state)
{
	static char forwards[64];
	uint16_t port;

	(void)room_set_up(state);
	room.on_timer = on_timer;
	server = listen_anywhere(&port);
	(void)snprintf(forwards, sizeof forwards, "tcp:%u:22,udp:%u:80", port, port);
	room.plan.s.hostfwds = forwards;
	probes_init(&probes, &room.env);
	readiness_init(&readiness, &room.env, &probes);
	return 0;
}

static int tear_down(void **state)
{
	probes_reset(&probes);
	fd_close(&server);
	return room_tear_down(state);
}

static void start_guest(void)
{
	guest_runs();
	readiness_runs(&readiness);
}

/* ---- readiness ---------------------------------------------------------------------------- */

static void readiness_follows_the_setting(void **state)
{
	/* For each VM_READY: login prompt, other ready marker, ssh banner, http answer. */
	static const struct {
		enum ready ready;
		const char *by, *text;
	} rows[] = {
		{READY_LOGIN, "1000", "login prompt on the serial console"},
		{READY_MARKER, "1100", "marker on the serial console"},
		{READY_SSH, "0010", "the guest's sshd answers"},
		{READY_HTTP, "0001", "the guest's web server answers"},
		{READY_RUNNING, "0000", "the guest runs"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char by[5] = "0000";

		room.plan.s.ready = rows[i].ready;
		assert_string_equal(readiness_text(&room.env), rows[i].text);
		readiness_marker(&readiness, marker_named("login"));
		by[0] += *room_posted() != '\0';
		readiness_marker(&readiness, marker_named("up"));
		by[1] += *room_posted() != '\0';
		readiness_answered(&readiness, PROBE_SSH);
		by[2] += *room_posted() != '\0';
		readiness_answered(&readiness, PROBE_HTTP);
		by[3] += *room_posted() != '\0';
		assert_string_equal(by, rows[i].by);
	}
	room.plan.s.ready = READY_RUNNING;
	start_guest();
	assert_posted("[ready]");
	assert_true(readiness_is_login(marker_named("login")));
	assert_false(readiness_is_login(marker_named("up")));
}

static void guests_that_cannot_become_ready(void **state)
{
	(void)state;
	guest_runs();
	room.life.cause = CAUSE_GUEST_OFF;
	readiness_marker(&readiness, marker_named("login"));
	room.life.cause = CAUSE_NONE;
	room.life.verdict = VERDICT_LATE;
	readiness_marker(&readiness, marker_named("login"));
	room.life.verdict = VERDICT_NONE;
	room.life.ready = true;
	readiness_marker(&readiness, marker_named("login"));
	assert_posted("");
	room.life.ready = false;
	readiness_marker(&readiness, marker_named("login"));
	assert_posted("[ready]");
}

static void a_resumed_guest_is_ready_at_once_if_it_was(void **state)
{
	(void)state;
	room.life.resumed = true;
	start_guest();
	assert_posted("");
	room.plan.resume.ready = true;
	readiness_runs(&readiness);
	assert_posted("[ready]");
	/* Its sshd must answer again. */
	room.plan.s.ready = READY_SSH;
	readiness_runs(&readiness);
	assert_posted("");
}

static void a_boot_has_a_deadline(void **state)
{
	(void)state;
	room.plan.s.boot_timeout = 90;
	assert_false(is_armed(TIMER_BOOT));
	start_guest();
	advance(90 * S - 1);
	assert_posted("");
	advance(1);
	assert_posted("[late]");
	assert_false(is_armed(TIMER_BOOT));
}

static void the_deadline_ends_when_ready_or_stopped(void **state)
{
	(void)state;
	room.plan.s.boot_timeout = 90;
	start_guest();
	readiness_reached(&readiness);
	assert_false(is_armed(TIMER_BOOT));
	assert_false(is_armed(TIMER_SILENCE));
	readiness_runs(&readiness);
	room.life.ready = true;
	advance(100 * S);
	room.life.ready = false;
	readiness_runs(&readiness);
	room.life.rung = RUNG_ACPI;
	advance(100 * S);
	assert_posted("");
}

static void a_debugger_extends_the_deadline_but_a_pause_does_not(void **state)
{
	(void)state;
	room.plan.s.boot_timeout = 90;
	start_guest();
	advance(30 * S);
	readiness_paused(&readiness); /* by the monitor, or because the disk is full */
	readiness_runs(&readiness);
	assert_int_equal(ms_until(TIMER_BOOT), 60000);
	room.plan.s.gdb = true;
	lifecycle_set(&room.life, COND_DISK_ERROR, true);
	readiness_paused(&readiness);
	assert_int_equal(ms_until(TIMER_BOOT), 60000);
	lifecycle_set(&room.life, COND_DISK_ERROR, false);
	readiness_paused(&readiness);
	assert_false(is_armed(TIMER_BOOT));
	assert_false(is_armed(TIMER_SILENCE));
	advance(1000 * S);
	assert_posted("");
	readiness_runs(&readiness);
	assert_int_equal(ms_until(TIMER_BOOT), 60000);
	/* A reset restarts the deadline. */
	readiness_paused(&readiness);
	readiness_reset(&readiness);
	readiness_runs(&readiness);
	assert_int_equal(ms_until(TIMER_BOOT), 90000);
}

static void a_silent_console_is_reported(void **state)
{
	(void)state;
	start_guest();
	advance(20 * S - 1);
	assert_log_empty();
	advance(1);
	assert_logged("vm: warning: nothing came on the serial console for 20 s\n");
	/* Not after the first byte, and not with another VM_READY. */
	readiness_runs(&readiness);
	guest_printed("x");
	(void)room_posted();
	advance(20 * S);
	assert_log_empty();
	readiness_runs(&readiness);
	assert_false(is_armed(TIMER_SILENCE));
	phases_restart(&room.phases);
	room.plan.s.ready = READY_HTTP;
	readiness_runs(&readiness);
	assert_false(is_armed(TIMER_SILENCE));
}

/* ---- probes ------------------------------------------------------------------------------- */

/* Handle an event of probe WHICH. False: none came within a second. */
static bool probe_handle_event(enum probe_id which)
{
	struct epoll_event e;

	if (epoll_wait(room.env.epoll, &e, 1, 1000) != 1)
		return false;
	struct loop_ref ref = loop_ref_of(e.data.u64);

	assert_int_equal(ref.type, REF_PROBE);
	assert_int_equal(ref.index, which);
	probe_event(&probes, which, ref.fd, e.events);
	return true;
}

/* Accept the probe's connection and check its request. */
static int accept_probe(const char *request)
{
	char text[128];

	assert_true(probe_handle_event(PROBE_SSH));
	int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, request);
	return fd;
}

static void answer_probe(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	assert_true(probe_handle_event(PROBE_SSH));
}

static void an_sshd_that_answers(void **state)
{
	(void)state;
	assert_true(probe_possible(&probes, PROBE_SSH));
	assert_false(probe_possible(&probes, PROBE_HTTP)); /* udp */
	room.plan.s.ready = READY_SSH;
	start_guest();
	int fd = accept_probe("SSH-2.0-vm\r\n");

	answer_probe(fd, "SS");
	assert_posted("");
	answer_probe(fd, "H-2.0-OpenSSH\r\n");
	assert_posted("[port-answered]");
	assert_true(probe_answered(&probes, PROBE_SSH));
	assert_false(is_armed(TIMER_PROBES));
	(void)close(fd);
	probes_reset(&probes);
	assert_false(probe_answered(&probes, PROBE_SSH));
}

static void other_answers_are_tried_again(void **state)
{
	(void)state;
	probe_want(&probes, PROBE_SSH);
	for (int i = 0; i < 3; i++) {
		int fd = accept_probe("SSH-2.0-vm\r\n");

		if (i == 0)
			answer_probe(fd, "HTTP/1.1 400\r\n");
		else if (i == 1)
			(void)shutdown(fd, SHUT_WR);
		if (i == 1)
			assert_true(probe_handle_event(PROBE_SSH));
		if (i < 2) {
			assert_int_equal(ms_until(TIMER_PROBES), 250);
			advance(250 * MS);
		} else {
			assert_int_equal(ms_until(TIMER_PROBES), 5000); /* it hangs */
			advance(5 * S);
		}
		(void)close(fd);
	}
	assert_posted("");
	(void)close(accept_probe("SSH-2.0-vm\r\n"));
}

static void a_refused_connection_is_tried_again(void **state)
{
	(void)state;
	fd_close(&server);
	probe_want(&probes, PROBE_SSH);
	assert_true(probe_handle_event(PROBE_SSH)); /* refused */
	assert_int_equal(ms_until(TIMER_PROBES), 250);
	/* The result is no longer needed. */
	probes.list[PROBE_SSH].wanted = false;
	advance(1 * S);
	assert_false(is_armed(TIMER_PROBES));
	assert_int_equal(probes.list[PROBE_SSH].fd, -1);
}

static void one_attempt_is_made_at_a_time(void **state)
{
	(void)state;
	probe_want(&probes, PROBE_SSH);
	int first = probes.list[PROBE_SSH].fd;

	probe_want(&probes, PROBE_SSH);
	assert_int_equal(probes.list[PROBE_SSH].fd, first);
	probe_event(&probes, PROBE_SSH, first + 1, EPOLLIN); /* of a descriptor that was closed */
	assert_true(probes.list[PROBE_SSH].writing);
	probe_want(&probes, PROBE_HTTP); /* which has no forward */
	assert_int_equal(probes.list[PROBE_HTTP].fd, -1);
	assert_int_equal(ms_until(TIMER_PROBES), 5000);
}

/* With VM_PORTS=ready the forwards are on the loopback address until the guest is ready. */
static void the_address_is_that_of_the_forwards(void **state)
{
	struct sockaddr_in to;
	socklen_t len = sizeof to;

	(void)state;
	room.plan.s.bind = "127.0.0.2";
	room.plan.s.ports = PORTS_READY;
	probe_want(&probes, PROBE_SSH);
	(void)close(accept_probe("SSH-2.0-vm\r\n"));
	probes_reset(&probes);
	probes_published(&probes, true);
	probe_want(&probes, PROBE_SSH);
	if (getpeername(probes.list[PROBE_SSH].fd, (struct sockaddr *)&to, &len) == 0)
		assert_int_equal(to.sin_addr.s_addr, htonl(0x7f000002));
	else /* no server listens there */
		assert_int_equal(accept4(server, NULL, NULL, 0), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(readiness_follows_the_setting),
		TEST(guests_that_cannot_become_ready),
		TEST(a_resumed_guest_is_ready_at_once_if_it_was),
		TEST(a_boot_has_a_deadline),
		TEST(the_deadline_ends_when_ready_or_stopped),
		TEST(a_debugger_extends_the_deadline_but_a_pause_does_not),
		TEST(a_silent_console_is_reported),
		TEST(an_sshd_that_answers),
		TEST(other_answers_are_tried_again),
		TEST(a_refused_connection_is_tried_again),
		TEST(one_attempt_is_made_at_a_time),
		TEST(the_address_is_that_of_the_forwards),
	};

	return cmocka_run_group_tests_name("readiness", tests, NULL, NULL);
}
