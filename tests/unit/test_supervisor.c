/* test_supervisor.c - PID 1's loop from the start to the exit status, in a child. QEMU is this
 * program again, which speaks QMP as its scenario says; time is the machine's own.
 */
#include <poll.h>
#include <sys/un.h>

#include "room.h"

#include "host/signals.h"
#include "pid1/supervisor.h"

/* What everything together may take on a busy machine. */
#define PATIENCE_MS 60000

/* ---- QEMU --------------------------------------------------------------------------------- */

static void tells(const char *text)
{
	(void)write_all(QEMU_FD_QMP, text, strlen(text));
}

static void prints(const char *text)
{
	(void)write_all(STDOUT_FILENO, text, strlen(text));
}

static bool is(const char *scenario, const char *name)
{
	return strcmp(scenario, name) == 0;
}

static void qemu_runs_guest(const char *scenario)
{
	tells("{\"event\":\"RESUME\"}\n");
	if (is(scenario, "off"))
		tells("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\"}}\n");
	else if (is(scenario, "panics"))
		tells("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-panic\"}}\n");
	else if (!is(scenario, "late"))
		prints("Linux\r\nhurd login: ");
}

/* COMMAND has come. True: it is the end. */
static bool qemu_obeys(const char *scenario, const char *command, unsigned id)
{
	char text[200];
	bool deaf = is(scenario, "deaf"), quit = is(command, "quit") && !deaf;
	const char *result =
		is(command, "query-blockstats") ? "[{\"stats\":{\"wr_operations\":1}}]" : "{}";

	if (is(command, "cont"))
		qemu_runs_guest(scenario);
	if (is(command, "system_reset")) {
		tells("{\"event\":\"RESET\",\"data\":{\"guest\":false}}\n");
		prints("Linux\r\nhurd login: ");
	}
	if (is(command, "system_powerdown") && !deaf)
		tells("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-shutdown\"}}\n");
	if (quit)
		tells("{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"host-qmp-quit\"}}\n");
	(void)snprintf(text, sizeof text, "{\"return\":%s,\"id\":%u}\n", result, id);
	tells(text);
	return quit;
}

static int fake_qemu(const char *scenario)
{
	char text[4096];
	ssize_t n;

	if (is(scenario, "dies")) {
		(void)fprintf(stderr, "bad option\n");
		return 1;
	}
	if (is(scenario, "deaf"))
		(void)signal(SIGTERM, SIG_IGN);
	tells("{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10},"
	      "\"package\":\"\"},\"capabilities\":[]}}\n");
	while ((n = recv(QEMU_FD_QMP, text, sizeof text - 1, 0)) > 0) {
		char command[64] = "";
		const char *id;

		text[n] = '\0';
		id = strstr(text, "\"id\":");
		if (sscanf(text, "{\"execute\":\"%63[^\"]", command) == 1 && id &&
		    qemu_obeys(scenario, command, (unsigned)strtoul(id + 5, NULL, 10)))
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

/* QEMU does as SCENARIO says. */
static void starts(const char *scenario)
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

/* The answer of PID 1 to REQUEST; "" for none within its time. */
static const char *asks(const char *request)
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

/* Its exit status. */
static int ends(void)
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

/* What qemu.log and events.jsonl have. */
static bool logged(const char *file, const char *text)
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
	starts("boots");
	assert_string_equal(asks("wait login\n"), "0\nlogin prompt on the serial console\n");
	assert_int_equal(kill(pid1, SIGTERM), 0);
	assert_int_equal(ends(), EXIT_CLEAN);
	assert_true(logged("qemu.log", "stopping: ACPI power button"));
	assert_true(logged("qemu.log", "the guest powered off"));
	assert_true(logged("events.jsonl", "\"event\":\"exit\",\"status\":0}"));
	assert_true(logged("console.log", "hurd login: "));
	/* Its sockets are gone. */
	char path[128];

	(void)snprintf(path, sizeof path, "%s/control.sock", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_guests_own_end_is_the_status(void **state)
{
	(void)state;
	starts("off");
	assert_int_equal(ends(), EXIT_CLEAN);
	starts("panics");
	assert_int_equal(ends(), EXIT_PANIC);
}

static void vm_stop_hears_the_status(void **state)
{
	(void)state;
	starts("boots");
	(void)asks("wait login\n");
	assert_string_equal(asks("stop --now\n"), "82\nthe guest has ended, exit status 82\n");
	assert_int_equal(ends(), EXIT_CUT_OFF);
}

static void signals_do_what_they_say(void **state)
{
	(void)state;
	starts("boots");
	(void)asks("wait login\n");
	assert_int_equal(kill(pid1, SIGUSR1), 0);
	assert_int_equal(kill(pid1, SIGHUP), 0);
	assert_int_equal(kill(pid1, SIGUSR2), 0);
	assert_int_equal(kill(pid1, SIGALRM), 0); /* nothing */
	for (int i = 0; !logged("qemu.log", "the machine was reset") && i < PATIENCE_MS / 10; i++)
		(void)usleep(10000);
	assert_true(logged("qemu.log", "reset asked for by signal"));
	assert_true(logged("qemu.log", "status: running; ready: login prompt"));
	assert_true(logged("qemu.log", "logs reopened"));
	assert_string_equal(asks("wait login\n"), "0\nlogin prompt on the serial console\n");
	(void)asks("stop\n");
	assert_int_equal(ends(), EXIT_CLEAN);
}

static void a_qemu_that_does_not_start_is_the_end(void **state)
{
	(void)state;
	starts("dies");
	assert_int_equal(ends(), EXIT_QEMU_FAILED);
	assert_true(
		logged("qemu.log", "QEMU ended with status 1 before the guest ran: bad option"));
}

static void under_kvm_it_is_tried_with_tcg(void **state)
{
	(void)state;
	plan.accel = (struct accel_choice){.accel = ACCEL_KVM, .automatic = true};
	/* The plan has the second one's vector ready. */
	args_add(&plan.args_tcg, "/nowhere/qemu");
	starts("dies");
	assert_int_equal(ends(), EXIT_QEMU_FAILED);
	assert_true(logged("qemu.log", "accelerator TCG, because QEMU ended under KVM before the "
				       "guest ran; starting QEMU once more"));
}

static void a_late_boot_is_tried_again(void **state)
{
	(void)state;
	plan.s.boot_timeout = 1;
	plan.s.boot_retries = 1;
	starts("late");
	assert_int_equal(ends(), EXIT_BOOT_DEADLINE);
	assert_true(logged("events.jsonl", "\"attempt\":1}"));
	assert_true(logged("qemu.log", "starting the guest again (VM_BOOT_RETRIES=1, retry 1)"));
	assert_true(logged("events.jsonl", "\"attempt\":2}"));
	/* Each QEMU is told to quit anew. */
	assert_false(logged("qemu.log", "stopping: SIGTERM to QEMU"));
}

static void a_qemu_that_hears_nothing_is_killed_in_time(void **state)
{
	(void)state;
	plan.s.stop_timeout = 2;
	starts("deaf");
	(void)asks("wait login\n");
	assert_int_equal(kill(pid1, SIGTERM), 0);
	assert_int_equal(ends(), EXIT_CUT_OFF);
	assert_true(logged("qemu.log", "stopping: SIGKILL to QEMU"));
	assert_true(logged("qemu.log", "the guest was cut off"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_is_stopped_by_sigterm),
		TEST(the_guests_own_end_is_the_status),
		TEST(vm_stop_hears_the_status),
		TEST(signals_do_what_they_say),
		TEST(a_qemu_that_does_not_start_is_the_end),
		TEST(under_kvm_it_is_tried_with_tcg),
		TEST(a_late_boot_is_tried_again),
		TEST(a_qemu_that_hears_nothing_is_killed_in_time),
	};

	if (argc == 3 && strcmp(argv[1], "fake-qemu") == 0)
		return fake_qemu(argv[2]);
	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
