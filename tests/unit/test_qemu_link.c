/* test_qemu_link.c - QEMU's process and QMP connection in the event loop, and the errors when QEMU
 * does not start, does not greet, or dies.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "room.h"

#include "pid1/qemu_process.h"
#include "pid1/qmp_link.h"
#include "pid1/start_failure.h"

static struct qmp_link link_;
static struct qemu_process process;
static char dir[64];

static void on_timer(enum timer_id id)
{
	if (id == TIMER_GREETING)
		start_failure_timer(&room.env);
}

static int set_up(void **state)
{
	int fds[2];

	(void)room_set_up(state);
	room.on_timer = on_timer;
	(void)snprintf(dir, sizeof dir, "/tmp/test-qemu-link.XXXXXX");
	assert_non_null(mkdtemp(dir));
	room.plan.s.run_dir = room.plan.s.tmp_dir = dir;
	qemu_process_init(&process, &room.env);
	fd_close(&room.qmp.fd);
	fd_close(&room.qemu);
	qmp_link_init(&link_, &room.env);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	room.qemu = fds[1];
	qmp_link_open(&link_, fds[0]);
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name of our own */
	return room_tear_down(state);
}

/* ---- QMP ---------------------------------------------------------------------------------- */

/* Handle one event of QMP's descriptor. Returns it; 0: none. */
static uint32_t link_handle_event(void)
{
	struct epoll_event e;

	qmp_link_arm(&link_);
	if (epoll_wait(room.env.epoll, &e, 1, 0) != 1)
		return 0;
	struct loop_ref ref = loop_ref_of(e.data.u64);

	assert_int_equal(ref.type, REF_QMP);
	qmp_link_io(&link_, ref.fd, e.events);
	return e.events;
}

static void link_receives(const char *text)
{
	assert_int_equal(write(room.qemu, text, strlen(text)), strlen(text));
	assert_int_equal(link_handle_event(), EPOLLIN);
}

static void link_negotiates(void)
{
	link_receives("{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10},"
		      "\"package\":\"\"},\"capabilities\":[]}}");
	qemu_gets("qmp_capabilities", NULL);
	assert_posted("");
	link_receives("{\"return\":{},\"id\":0}");
	assert_posted("[qmp-ready]");
}

static void events_become_notices(void **state)
{
	static const char *const rows[][2] = {
		{"{\"event\":\"RESUME\"}", "[resumed: ]"},
		{"{\"event\":\"STOP\"}", "[paused: ]"},
		{"{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,\"reason\":\"guest-panic\"}}",
		 "[shutdown on: guest-panic]"},
		{"{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":false}}", "[shutdown: ]"},
		{"{\"event\":\"POWERDOWN\"}", "[powerdown: ]"},
		{"{\"event\":\"RESET\",\"data\":{\"guest\":true}}", "[machine-reset on: ]"},
		{"{\"event\":\"RESET\",\"data\":{\"guest\":false}}", "[machine-reset: ]"},
		{"{\"event\":\"GUEST_PANICKED\",\"data\":{\"action\":\"run\"}}", "[pvpanic: ]"},
		{"{\"event\":\"BLOCK_IO_ERROR\",\"data\":{\"reason\":\"x\"}}", "[disk-error: x]"},
		{"{\"event\":\"MIGRATION\",\"data\":{\"status\":\"active\"}}", "[migration: ]"},
		{"{\"event\":\"JOB_STATUS_CHANGE\",\"data\":{\"id\":\"a\"}}", "[job: ]"},
		{"{\"event\":\"NIC_RX_FILTER_CHANGED\",\"data\":{}}", ""},
	};

	(void)state;
	link_negotiates();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		link_receives(rows[i][0]);
		assert_posted(rows[i][1]);
	}
}

static void on_job(const struct notice *n)
{
	if (n->kind == NOTICE_JOB)
		record("(%s)", json_string(n->doc, n->json, "id"));
}

static void a_notice_has_the_events_data(void **state)
{
	(void)state;
	link_negotiates();
	room.on_notice = on_job;
	link_receives("{\"event\":\"JOB_STATUS_CHANGE\",\"data\":{\"id\":\"vm-1\"}}");
	assert_posted("[job: ](vm-1)");
}

static void the_end_is_reported_once(void **state)
{
	(void)state;
	link_negotiates();
	int fd = room.qmp.fd;

	qmp_link_io(&link_, fd + 1, EPOLLIN); /* of a connection before */
	(void)shutdown(room.qemu, SHUT_RDWR);
	assert_true(link_handle_event() & EPOLLIN);
	assert_posted("[qmp-lost]");
	assert_int_equal(room.qmp.fd, -1);
	assert_int_equal(link_handle_event(), 0);
	qmp_link_io(&link_, fd, EPOLLIN);
	qmp_link_drain(&link_);
	assert_posted("");
	/* Another QEMU. */
	assert_int_equal(room.qmp.state, QMP_CLOSED);
}

static void the_last_output_is_read(void **state)
{
	static const char text[] = "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}";

	(void)state;
	link_negotiates();
	assert_int_equal(write(room.qemu, text, sizeof text - 1), sizeof text - 1);
	fd_close(&room.qemu);
	qmp_link_drain(&link_);
	assert_posted("[shutdown: guest-reset]");
	assert_int_equal(room.qmp.fd, -1);
}

static void writability_is_watched_while_data_waits(void **state)
{
	static char arguments[4000];
	char sink[4096];

	(void)state;
	link_negotiates();
	assert_int_equal(link_handle_event(), 0);
	memset(arguments, ' ', sizeof arguments - 1);
	memcpy(arguments, "{}", 2);
	while (send(room.qmp.fd, arguments, 1000, MSG_DONTWAIT) > 0)
		continue;
	assert_true(qmp_send(&room.qmp, "x", arguments, NULL, NULL));
	assert_true(qmp_wants_write(&room.qmp));
	assert_int_equal(link_handle_event(), 0); /* the queue is full */
	assert_true(link_.armed);
	while (qmp_wants_write(&room.qmp)) {
		while (read(room.qemu, sink, sizeof sink) > 0)
			continue;
		assert_int_equal(link_handle_event(), EPOLLOUT);
	}
	assert_int_equal(link_handle_event(), 0);
	assert_false(link_.armed);
}

/* ---- the process -------------------------------------------------------------------------- */

/* QEMU is a script. */
static pid_t start_process(const char *text, struct channels *w, struct error *err)
{
	char path[80];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/qemu", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f, "#!/bin/sh\n%s\n", text);
	(void)fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	room.plan.args.count = room.plan.args.used = 0;
	args_add(&room.plan.args, path);
	return qemu_process_start(&process, w, err);
}

static void qemus_output_is_logged_as_its_own(void **state)
{
	struct channels w;
	struct error err = {0};
	char words[40];
	int status;

	(void)state;
	pid_t pid = start_process(
		"echo one >&2; test -S qmp.sock; test -S /dev/fd/0; echo vm: error: two "
		">&2; printf 'the last' >&2",
		&w, &err);

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	qemu_process_output(&process, process.output + 1);
	assert_log_empty();
	qemu_process_output(&process, process.output);
	qemu_process_drain(&process);
	assert_string_equal(room_logged(), "qemu: one\nqemu: vm: error: two\nqemu: the last\n");
	assert_string_equal(qemu_process_words(&process, words, sizeof words), "the last");
	assert_int_equal(process.output, -1);
	w.output.ours = -1;
	channels_close(&w, true);
	/* The next QEMU has sent nothing. */
	pid = start_process("exit 0", &w, &err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(qemu_process_words(&process, words, sizeof words), "");
	qemu_process_drain(&process);
	w.output.ours = -1;
	channels_close(&w, true);
}

static void it_listens_on_the_documented_sockets(void **state)
{
	struct channels w;
	struct error err = {0};
	char path[100];
	int status;

	(void)state;
	for (int gdb = 0; gdb < 2; gdb++) {
		room.plan.s.gdb = gdb;
		pid_t pid = start_process("exit 0", &w, &err);

		assert_int_equal(waitpid(pid, &status, 0), pid);
		(void)snprintf(path, sizeof path, "%s/qmp.sock", dir);
		assert_int_equal(access(path, F_OK), 0);
		(void)snprintf(path, sizeof path, "%s/gdb.sock", dir);
		assert_int_equal(access(path, F_OK), gdb ? 0 : -1);
		qemu_process_drain(&process);
		w.output.ours = -1;
		channels_close(&w, true);
	}
}

static void a_qemu_that_cannot_start_leaves_nothing_behind(void **state)
{
	struct channels w;
	struct error err = {0};

	(void)state;
	pid_t pid = start_process("", &w, &err);

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	qemu_process_drain(&process);
	w.output.ours = -1;
	channels_close(&w, true);
	room.plan.args.count = room.plan.args.used = 0;
	args_add(&room.plan.args, "/nowhere/qemu");
	assert_int_equal(qemu_process_start(&process, &w, &err), -1);
	assert_int_equal(err.status, EXIT_QEMU_FAILED);
	assert_non_null(strstr(err.message, "/nowhere/qemu cannot be started: exec: No such file"));
	assert_int_equal(w.qmp.ours, -1);
	/* Its directory was removed. */
	room.plan.s.run_dir = "/nowhere";
	assert_int_equal(qemu_process_start(&process, &w, &err), -1);
}

/* ---- messages ----------------------------------------------------------------------------- */

static void the_greeting_has_a_deadline(void **state)
{
	/* VM_BOOT_TIMEOUT, and the seconds until the greeting must come. */
	static const long rows[][2] = {{0, 120}, {1, 15}, {15, 15}, {60, 60}, {121, 120}};

	(void)state;
	args_add(&room.plan.args, "/usr/bin/qemu");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		room.plan.s.boot_timeout = rows[i][0];
		start_failure_await_greeting(&room.env);
		assert_int_equal(ms_until(TIMER_GREETING), rows[i][1] * 1000);
	}
	advance(120 * S);
	assert_posted("[gave-up]");
	assert_logged("vm: error: /usr/bin/qemu: it does not answer on QMP\n");
	/* No error if QEMU has ended, is being ended, or has sent its greeting. */
	room.life.rung = RUNG_QUIT;
	start_failure_timer(&room.env);
	room.life.rung = RUNG_NONE;
	room.life.qemu_ended = true;
	start_failure_timer(&room.env);
	room.life.qemu_ended = false;
	link_negotiates();
	start_failure_timer(&room.env);
	assert_posted("");
}

static void a_lost_connection_depends_on_the_phase(void **state)
{
	(void)state;
	args_add(&room.plan.args, "/usr/bin/qemu");
	(void)snprintf(room.qmp.why_closed, sizeof room.qmp.why_closed, "bad JSON");
	start_failure_qmp_lost(&room.env);
	assert_posted("[gave-up]");
	assert_logged("vm: error: /usr/bin/qemu: QMP: bad JSON\n");
	guest_runs();
	start_failure_qmp_lost(&room.env);
	assert_posted("");
	assert_logged("vm: warning: QMP: bad JSON; the guest runs on, and can only be stopped by a "
		      "signal to QEMU\n");
	room.qmp.eof = true;
	start_failure_qmp_lost(&room.env);
	assert_string_equal(room_logged(), "vm: warning: QMP: bad JSON\n");
	room.life.rung = RUNG_QUIT;
	start_failure_qmp_lost(&room.env);
	room.life.rung = RUNG_NONE;
	room.life.phase = LIFE_DOWN;
	start_failure_qmp_lost(&room.env);
	assert_log_empty();
	assert_posted("");
}

static void a_dead_qemu_has_a_reason_and_a_fix(void **state)
{
	(void)state;
	room.plan.s.hostfwds = "none";
	room.plan.s.ram_mb = 1;
	room.life.qemu_status = 1 << 8;
	assert_int_equal(start_failure_report(&room.env, "bad option"), EXIT_QEMU_FAILED);
	const char *said = room_logged();

	assert_non_null(
		strstr(said, "QEMU ended with status 1 before the guest ran: bad option\n"));
	assert_non_null(strstr(said, "fix: read QEMU's message above and qemu.log"));
	room.life.qemu_status = SIGSEGV;
	(void)start_failure_report(&room.env, "");
	assert_logged("QEMU was killed by signal 11 (Segmentation fault)\n");
	guest_runs();
	(void)start_failure_report(&room.env, "");
	assert_logged(
		"QEMU was killed by signal 11 (Segmentation fault) while the guest ran: what it "
		"had not written is lost\n");
	room.life.qemu_status = 0;
	(void)start_failure_report(&room.env, "");
	assert_logged("QEMU ended with status 0 before the guest did\n");
}

static void a_port_in_use_is_found_by_trying(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	char text[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(text, sizeof text, "tcp:%u:22", ntohs(at.sin_port));
	room.plan.s.hostfwds = text;
	(void)start_failure_report(&room.env, "");
	(void)snprintf(text, sizeof text, "port %u of QEMU_HOSTFWDS=", ntohs(at.sin_port));
	room.plan.s.hostfwds = "none";
	assert_logged(text);
	fd_close(&fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_become_notices),
		TEST(a_notice_has_the_events_data),
		TEST(the_end_is_reported_once),
		TEST(the_last_output_is_read),
		TEST(writability_is_watched_while_data_waits),
		TEST(qemus_output_is_logged_as_its_own),
		TEST(it_listens_on_the_documented_sockets),
		TEST(a_qemu_that_cannot_start_leaves_nothing_behind),
		TEST(the_greeting_has_a_deadline),
		TEST(a_lost_connection_depends_on_the_phase),
		TEST(a_dead_qemu_has_a_reason_and_a_fix),
		TEST(a_port_in_use_is_found_by_trying),
	};

	return cmocka_run_group_tests_name("qemu_link", tests, NULL, NULL);
}
