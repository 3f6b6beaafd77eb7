/* test_helper.c - tools shared by the rooms: helper processes, the last console lines for the log,
 * and screenshots.
 */
#include <sys/stat.h>

#include "room.h"

#include "pid1/console_tail.h"
#include "pid1/screenshot.h"

/* ---- helpers ------------------------------------------------------------------------------ */

static char done_with[400];

static void on_done(void *arg, int status, const char *line)
{
	assert_ptr_equal(arg, done_with);
	(void)snprintf(done_with, sizeof done_with, "%d: %s", status, line);
}

static int set_up(void **state)
{
	done_with[0] = '\0';
	return room_set_up(state);
}

/* sh runs TEXT as HELPER_CLOCK. */
static pid_t start_helper(const char *text)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)text, NULL};
	struct child c = {.path = "/bin/sh", .argv = argv, .envp = environ};
	struct error err = {0};

	assert_true(
		helper_start(&room.helpers, HELPER_CLOCK, "helper", &c, on_done, done_with, &err));
	return helper_pid(&room.helpers, HELPER_CLOCK);
}

static void output_is_logged_and_the_last_line_kept(void **state)
{
	(void)state;
	(void)start_helper("echo one; echo two >&2; printf three; exit 7");
	helper_ends(HELPER_CLOCK);
	assert_string_equal(room_logged(), "vm: helper: one\nvm: helper: two\nvm: helper: three\n");
	assert_string_equal(done_with, "1792: three");
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	/* The next helper starts with an empty buffer. */
	(void)start_helper("exit 0");
	helper_ends(HELPER_CLOCK);
	assert_string_equal(done_with, "0: ");
	assert_log_empty();
}

static void output_is_logged_as_it_comes(void **state)
{
	struct epoll_event e;

	(void)state;
	helpers_do("0");
	(void)start_helper("echo here; exec sleep 100");
	assert_int_equal(epoll_wait(room.env.epoll, &e, 1, 5000), 1);
	struct loop_ref ref = loop_ref_of(e.data.u64);

	assert_int_equal(ref.type, REF_HELPER);
	assert_int_equal(ref.index, HELPER_CLOCK);
	helper_output(&room.helpers, HELPER_CLOCK, ref.fd + 1);
	assert_log_empty();
	helper_output(&room.helpers, HELPER_CLOCK, ref.fd);
	assert_logged("vm: helper: here\n");
	helper_end(&room.helpers, HELPER_CLOCK);
	helper_ends(HELPER_CLOCK);
	assert_string_equal(done_with, "9: here");
}

static void a_killed_helper_is_not_reported(void **state)
{
	(void)state;
	(void)start_helper("exec sleep 100");
	helper_kill(&room.helpers, HELPER_CLOCK);
	assert_int_equal(room.helpers.list[HELPER_CLOCK].output, -1);
	helper_ends(HELPER_CLOCK);
	assert_string_equal(done_with, "");
	helper_kill(&room.helpers, HELPER_CLOCK); /* there is none */
	helper_end(&room.helpers, HELPER_CLOCK);
}

static void the_next_helper_may_start_before_it_is_reaped(void **state)
{
	int status;

	(void)state;
	pid_t first = start_helper("exec sleep 100");

	helper_kill(&room.helpers, HELPER_CLOCK);
	pid_t second = start_helper("echo second");

	assert_int_equal(waitpid(first, &status, 0), first);
	assert_false(helper_reaped(&room.helpers, first, status));
	assert_string_equal(done_with, "");
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), second);
	helper_ends(HELPER_CLOCK);
	assert_string_equal(done_with, "0: second");
}

/* Its children are killed with it, and the end of its pipe is not waited for. */
static void children_of_a_helper_are_in_its_session(void **state)
{
	pid_t child = 0;

	(void)state;
	(void)start_helper("sleep 100 & echo $!");
	helper_ends(HELPER_CLOCK);
	assert_int_equal(room.helpers.list[HELPER_CLOCK].output, -1);
	assert_int_equal(sscanf(done_with, "0: %d", &child), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	(void)start_helper("sleep 100 & echo $!; exec sleep 100");
	while (!done_with[0] || strchr(done_with, ':')) {
		struct epoll_event e;

		assert_int_equal(epoll_wait(room.env.epoll, &e, 1, 5000), 1);
		helper_output(&room.helpers, HELPER_CLOCK, loop_ref_of(e.data.u64).fd);
		(void)snprintf(done_with, sizeof done_with, "%s",
			       room.helpers.list[HELPER_CLOCK].last);
	}
	child = (pid_t)atoi(done_with);
	helper_kill(&room.helpers, HELPER_CLOCK);
	helper_ends(HELPER_CLOCK);
	for (int i = 0; kill(child, 0) == 0 && i < 500; i++) { /* its new parent reaps it */
		char text[200] = "", path[40];
		FILE *f;

		(void)snprintf(path, sizeof path, "/proc/%d/stat", child);
		f = fopen(path, "re");
		if (f) {
			(void)fgets(text, sizeof text, f);
			(void)fclose(f);
		}
		if (strstr(text, ") Z "))
			break;
		(void)usleep(10000);
		assert_true(i < 499);
	}
}

static void a_helper_that_cannot_start_is_an_error(void **state)
{
	char *argv[] = {(char *)"x", NULL};
	struct child c = {.path = "/nowhere", .argv = argv, .envp = environ};
	struct error err = {0};

	(void)state;
	assert_false(helper_start(&room.helpers, HELPER_DISK, "x", &c, on_done, done_with, &err));
	assert_int_equal(err.status, EXIT_QEMU_FAILED);
	assert_int_equal(helper_pid(&room.helpers, HELPER_DISK), 0);
	assert_int_equal(room.helpers.list[HELPER_DISK].output, -1);
}

/* ---- the end of the console --------------------------------------------------------------- */

static void the_last_twenty_console_lines_of_this_qemu(void **state)
{
	char text[64];

	(void)state;
	console_tail_log(room.relays[RELAY_SERIAL], 0);
	assert_string_equal(room_logged(), "vm: nothing came on the serial console\n");
	guest_printed("of the QEMU before\r\n");
	console_tail_log(room.relays[RELAY_SERIAL], 20);
	assert_string_equal(room_logged(), "vm: nothing came on the serial console\n");
	for (int i = 1; i <= 30; i++) {
		(void)snprintf(text, sizeof text, "\033[1mline\033[m %d\r\n\r\n", i);
		guest_printed(text);
	}
	guest_printed("half a li");
	console_tail_log(room.relays[RELAY_SERIAL], 20);
	const char *said = room_logged();

	assert_non_null(strstr(said, "vm: the last lines of the serial console:\n"));
	assert_non_null(strstr(said, "vm:   | line 30\nvm:   | half a li\n"));
	assert_non_null(strstr(said, "vm:   | line 21\n"));
	assert_null(strstr(said, "line 20\n"));
	/* A long line is cut, not wrapped. */
	for (int i = 0; i < 20; i++)
		guest_printed("0123456789");
	console_tail_log(room.relays[RELAY_SERIAL], 20);
	assert_logged("half a li0123456789");
}

/* ---- a screenshot ------------------------------------------------------------------------- */

static void on_shot(void *arg, const char *error, const char *path)
{
	(void)snprintf(arg, sizeof done_with, "%s %s", error ? error : "ok", path);
}

static void a_screenshot_is_written_by_qemu(void **state)
{
	struct screenshot shot;
	struct stat st;
	char path[] = "/tmp/test-screenshot.XXXXXX";
	char arguments[200], wanted[100];
	int fd = mkostemp(path, O_CLOEXEC);

	(void)state;
	fd_close(&fd);
	screenshot_init(&shot, &room.env);
	assert_true(screenshot_take(&shot, path, on_shot, done_with));
	assert_int_equal(stat(path, &st), 0);
	assert_false(screenshot_take(&shot, "/tmp/other", on_shot, done_with));
	(void)snprintf(arguments, sizeof arguments, "{\"filename\":\"%s\",\"format\":\"png\"}",
		       path);
	qemu_acks("screendump", arguments);
	(void)snprintf(wanted, sizeof wanted, "ok %s", path);
	assert_string_equal(done_with, wanted);
	assert_int_equal(access(path, F_OK), 0);
	/* A failed screenshot leaves no file. */
	assert_true(screenshot_take(&shot, path, on_shot, done_with));
	qemu_gets("screendump", arguments);
	qemu_fails("no display");
	(void)snprintf(wanted, sizeof wanted, "no display %s", path);
	assert_string_equal(done_with, wanted);
	assert_int_equal(access(path, F_OK), -1);
	qemu_hangs();
	assert_false(screenshot_take(&shot, path, on_shot, done_with));
	assert_int_equal(access(path, F_OK), -1);
	assert_false(screenshot_take(&shot, "/proc/x.png", on_shot, done_with));
	assert_logged("vm: warning: /proc/x.png cannot be written: ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(output_is_logged_and_the_last_line_kept),
		TEST(output_is_logged_as_it_comes),
		TEST(a_killed_helper_is_not_reported),
		TEST(the_next_helper_may_start_before_it_is_reaped),
		TEST(children_of_a_helper_are_in_its_session),
		TEST(a_helper_that_cannot_start_is_an_error),
		TEST(the_last_twenty_console_lines_of_this_qemu),
		TEST(a_screenshot_is_written_by_qemu),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("helper", tests, NULL, NULL);
}
