/* test_supervisor.c - PID 1's loop from the start to the exit status, in a child. QEMU is this test
 * program, which speaks QMP according to a scenario. The clock is the real one.
 */
#include <poll.h>
#include <sys/un.h>

#include "room.h"

#include "host/signals.h"
#include "pid1/supervisor.h"

/* Enough for any step on a busy machine. */
#define PATIENCE_MS 60000

/* ---- QEMU --------------------------------------------------------------------------------- */

static void qmp_write(const char *text)
{
	(void)write_all(QEMU_FD_QMP, text, strlen(text));
}

static void serial_write(const char *text)
{
	(void)write_all(STDOUT_FILENO, text, strlen(text));
}

static bool equal(const char *scenario, const char *name)
{
	return strcmp(scenario, name) == 0;
}

static void qemu_runs_guest(const char *scenario)
{
	qmp_write("{\"event\":\"RESUME\"}\n");
	if (equal(scenario, "off"))
		qmp_write("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\"}}\n");
	else if (equal(scenario, "panics"))
		qmp_write("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-panic\"}}\n");
	else if (!equal(scenario, "late"))
		serial_write("Linux\r\nhurd login: ");
}

/* Answer COMMAND. True: QEMU ends. */
static bool fake_qemu_handles(const char *scenario, const char *command, unsigned id)
{
	char text[200];
	bool deaf = equal(scenario, "deaf"), quit = equal(command, "quit") && !deaf;
	const char *result =
		equal(command, "query-blockstats") ? "[{\"stats\":{\"wr_operations\":1}}]" : "{}";

	if (equal(command, "cont"))
		qemu_runs_guest(scenario);
	if (equal(command, "system_reset")) {
		qmp_write("{\"event\":\"RESET\",\"data\":{\"guest\":false}}\n");
		serial_write("Linux\r\nhurd login: ");
	}
	if (equal(command, "system_powerdown") && !deaf)
		qmp_write("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\"}}\n");
	if (quit)
		qmp_write("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"host-qmp-quit\"}}\n");
	(void)snprintf(text, sizeof text, "{\"return\":%s,\"id\":%u}\n", result, id);
	qmp_write(text);
	return quit;
}

static int fake_qemu(const char *scenario)
{
	char text[4096];
	ssize_t n;

	if (equal(scenario, "dies")) {
		(void)fprintf(stderr, "bad option\n");
		return 1;
	}
	if (equal(scenario, "deaf"))
		(void)signal(SIGTERM, SIG_IGN);
	qmp_write("{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10},"
		  "\"package\":\"\"},\"capabilities\":[]}}\n");
	while ((n = recv(QEMU_FD_QMP, text, sizeof text - 1, 0)) > 0) {
		char command[64] = "";
		const char *id;

		text[n] = '\0';
		id = strstr(text, "\"id\":");
		if (sscanf(text, "{\"execute\":\"%63[^\"]", command) == 1 && id &&
		    fake_qemu_handles(scenario, command, (unsigned)strtoul(id + 5, NULL, 10)))
			return 0;
	}
	return 0;
}

/* ---- PID 1 -------------------------------------------------------------------------------- */

static char dir[64];
static struct plan plan;
static pid_t pid1;

static int set_up(void **state)
{
	static struct errors errors;
	static char *const environment[] = {NULL};
	struct settings *s = &plan.s;
	const char *bad;

	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/test-supervisor.XXXXXX");
	assert_non_null(mkdtemp(dir));
	memset(&plan, 0, sizeof plan);
	assert_true(settings_parse(environment, s, &errors));
	s->guest = GUEST_HURD;
	s->cpus = 1;
	assert_true(settings_resolve(s, 0, &errors, &errors));
	s->run_dir = s->log_dir = s->tmp_dir = dir;
	s->serial_port = s->monitor_port = 0;
	s->vga = VGA_NONE;
	s->hostfwds = "none";
	s->sandbox = false;
	s->serial_stdio = STDIO_OFF;
	s->stop_timeout = 60;
	plan.rungs = rungs_parse("acpi", &bad);
	room_markers(&plan);
	plan.identity = (struct identity){.uid = getuid(), .gid = getgid()};
	plan.net_fd = plan.share_fd = plan.share_out = plan.cdrom_fd = plan.cdrom2_fd =
		plan.trace_fd = -1;
	plan.kvm_fd = plan.resume.stream = plan.ram.fd = plan.ram.from = plan.cold.ram.fd = -1;
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		plan.kernel.fds[i] = -1;
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	if (pid1 > 0) {
		(void)kill(pid1, SIGKILL);
		(void)waitpid(pid1, NULL, 0);
		pid1 = 0;
	}
	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name of our own */
	return 0;
}

/* Start PID 1 with a QEMU that follows SCENARIO. */
static void start_pid1(const char *scenario)
{
	static char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	assert_true(n > 0);
	plan.args.count = plan.args.used = 0;
	args_add(&plan.args, exe);
	args_add(&plan.args, "fake-qemu");
	args_add(&plan.args, scenario);
	pid1 = fork();
	assert_true(pid1 >= 0);
	if (pid1 > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	signals_block();
	int log = open("/dev/null", O_WRONLY | O_CLOEXEC);

	log_through(log);
	_exit(supervise(&plan));
}

/* Send REQUEST to PID 1 and return the answer; "": none came in time. */
static const char *send_request(const char *request)
{
	static char text[65536];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = 0;
	ssize_t got = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof at.sun_path, "%.60s/control.sock", dir);
	for (int i = 0; connect(fd, (struct sockaddr *)&at, sizeof at) != 0; i++) {
		assert_true(i < PATIENCE_MS / 10);
		(void)usleep(10000);
	}
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	do {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, PATIENCE_MS) != 1)
			break;
		got = recv(fd, text + n, sizeof text - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	text[n] = '\0';
	(void)close(fd);
	return text;
}

/* Wait for the end of PID 1. Returns its exit status. */
static int wait_for_pid1(void)
{
	int status = -1;

	for (int i = 0; waitpid(pid1, &status, WNOHANG) == 0; i++) {
		if (i > PATIENCE_MS / 10)
			fail_msg("PID 1 does not end");
		(void)usleep(10000);
	}
	pid1 = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Does log file FILE contain TEXT? */
static bool log_contains(const char *file, const char *text)
{
	static char content[65536];
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, content, sizeof content - 1) : 0;

	fd_close(&fd);
	content[n > 0 ? n : 0] = '\0';
	return strstr(content, text) != NULL;
}

static void a_guest_is_stopped_by_sigterm(void **state)
{
	(void)state;
	start_pid1("boots");
	assert_string_equal(send_request("wait login\n"),
			    "0\nlogin prompt on the serial console\n");
	assert_int_equal(kill(pid1, SIGTERM), 0);
	assert_int_equal(wait_for_pid1(), EXIT_CLEAN);
	assert_true(log_contains("qemu.log", "stopping: ACPI power button"));
	assert_true(log_contains("qemu.log", "the guest powered off"));
	assert_true(log_contains("events.jsonl", "\"event\":\"exit\",\"status\":0}"));
	assert_true(log_contains("console.log", "hurd login: "));
	/* Its sockets were removed. */
	char path[128];

	(void)snprintf(path, sizeof path, "%s/control.sock", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_guests_own_end_is_the_status(void **state)
{
	(void)state;
	start_pid1("off");
	assert_int_equal(wait_for_pid1(), EXIT_CLEAN);
	start_pid1("panics");
	assert_int_equal(wait_for_pid1(), EXIT_PANIC);
}

static void vm_stop_gets_the_status(void **state)
{
	(void)state;
	start_pid1("boots");
	(void)send_request("wait login\n");
	assert_string_equal(send_request("stop --now\n"),
			    "82\nthe guest has ended, exit status 82\n");
	assert_int_equal(wait_for_pid1(), EXIT_CUT_OFF);
}

static void signals_have_their_actions(void **state)
{
	(void)state;
	start_pid1("boots");
	(void)send_request("wait login\n");
	assert_int_equal(kill(pid1, SIGUSR1), 0);
	assert_int_equal(kill(pid1, SIGHUP), 0);
	assert_int_equal(kill(pid1, SIGUSR2), 0);
	assert_int_equal(kill(pid1, SIGALRM), 0); /* nothing */
	for (int i = 0; !log_contains("qemu.log", "the machine was reset") && i < PATIENCE_MS / 10;
	     i++)
		(void)usleep(10000);
	assert_true(log_contains("qemu.log", "reset requested by a signal"));
	assert_true(log_contains("qemu.log", "status: running; ready: login prompt"));
	assert_true(log_contains("qemu.log", "logs reopened"));
	assert_string_equal(send_request("wait login\n"),
			    "0\nlogin prompt on the serial console\n");
	(void)send_request("stop\n");
	assert_int_equal(wait_for_pid1(), EXIT_CLEAN);
}

static void a_qemu_that_does_not_start_ends_the_run(void **state)
{
	(void)state;
	start_pid1("dies");
	assert_int_equal(wait_for_pid1(), EXIT_QEMU_FAILED);
	assert_true(log_contains("qemu.log",
				 "QEMU ended with status 1 before the guest ran: bad option"));
}

static void after_kvm_fails_tcg_is_tried(void **state)
{
	(void)state;
	plan.accel = (struct accel_choice){.accel = ACCEL_KVM, .automatic = true};
	/* The plan contains the argument vector for TCG. */
	args_add(&plan.args_tcg, "/nowhere/qemu");
	start_pid1("dies");
	assert_int_equal(wait_for_pid1(), EXIT_QEMU_FAILED);
	assert_true(log_contains("qemu.log",
				 "accelerator TCG, because QEMU ended under KVM before the "
				 "guest ran; starting QEMU once more"));
}

static void a_missed_boot_deadline_is_retried(void **state)
{
	(void)state;
	plan.s.boot_timeout = 1;
	plan.s.boot_retries = 1;
	start_pid1("late");
	assert_int_equal(wait_for_pid1(), EXIT_BOOT_DEADLINE);
	assert_true(log_contains("events.jsonl", "\"attempt\":1}"));
	assert_true(
		log_contains("qemu.log", "starting the guest again (VM_BOOT_RETRIES=1, retry 1)"));
	assert_true(log_contains("events.jsonl", "\"attempt\":2}"));
	/* Each new QEMU also gets `quit`. */
	assert_false(log_contains("qemu.log", "stopping: SIGTERM to QEMU"));
}

static void a_qemu_that_does_not_react_is_killed_in_time(void **state)
{
	(void)state;
	plan.s.stop_timeout = 2;
	start_pid1("deaf");
	(void)send_request("wait login\n");
	assert_int_equal(kill(pid1, SIGTERM), 0);
	assert_int_equal(wait_for_pid1(), EXIT_CUT_OFF);
	assert_true(log_contains("qemu.log", "stopping: SIGKILL to QEMU"));
	assert_true(log_contains("qemu.log", "the guest was cut off"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_is_stopped_by_sigterm),
		TEST(the_guests_own_end_is_the_status),
		TEST(vm_stop_gets_the_status),
		TEST(signals_have_their_actions),
		TEST(a_qemu_that_does_not_start_ends_the_run),
		TEST(after_kvm_fails_tcg_is_tried),
		TEST(a_missed_boot_deadline_is_retried),
		TEST(a_qemu_that_does_not_react_is_killed_in_time),
	};

	if (argc == 3 && strcmp(argv[1], "fake-qemu") == 0)
		return fake_qemu(argv[2]);
	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
