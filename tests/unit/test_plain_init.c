/* test_plain_init.c - PID 1 without a guest: `vm init COMMAND`, and VM_FETCH without a source or
 * without the program that downloads. Each test runs in a child.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "host/signals.h"
#include "pid1/plain_init.h"
#include "vm/fetch.h"

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/test-plain-init.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): a name of our own */
}

/* ---- vm init ------------------------------------------------------------------------------ */

/* The exit status of `vm init COMMAND -c TEXT`; -1: it was ended by a signal. */
static int init_status(const char *command, const char *text)
{
	char *argv[] = {(char *)(uintptr_t)command, (char *)"-c", (char *)(uintptr_t)text, NULL};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)freopen("/dev/null", "r", stdin);
		(void)freopen("/dev/null", "w", stderr);
		_exit(plain_init(argv, environ));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_status_is_that_of_the_program(void **state)
{
	(void)state;
	assert_int_equal(init_status("sh", "exit 0"), 0);
	assert_int_equal(init_status("/bin/sh", "exit 7"), 7);
	assert_int_equal(init_status("sh", "kill -9 $$"), 128 + 9);
	assert_int_equal(init_status("sh", "kill -USR1 $$"), 128 + SIGUSR1);
}

static void a_program_that_cannot_run_has_a_shells_status(void **state)
{
	char path[100];

	(void)state;
	assert_int_equal(init_status("/nowhere/x", ""), 127);
	assert_int_equal(init_status("no-such-program", ""), 127);
	assert_int_equal(init_status("/etc/passwd", ""), 126);
	/* On PATH, but not executable. */
	(void)snprintf(path, sizeof path, "%s/a-file", dir);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fclose(f);
	assert_int_equal(setenv("PATH", dir, 1), 0);
	assert_int_equal(init_status("a-file", ""), 126);
	assert_int_equal(unsetenv("PATH"), 0);
	assert_int_equal(init_status("sh", "exit 3"), 3);
	assert_int_equal(setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1), 0);
}

static void signals_are_passed_on(void **state)
{
	(void)state;
	assert_int_equal(init_status("sh",
				     "trap 'exit 5' TERM; kill -TERM $PPID; while :; do sleep "
				     "0.01; done"),
			 5);
	assert_int_equal(init_status("sh", "kill -HUP $PPID; exec sleep 100"), 128 + SIGHUP);
}

/* All orphans of the program are reaped: no zombie is left. */
static void orphans_are_reaped(void **state)
{
	(void)state;
	assert_int_equal(
		init_status("sh",
			    "(sleep 0.05 & echo $! >/tmp/test-orphan.$$); p=$(cat "
			    "/tmp/test-orphan.$$); rm /tmp/test-orphan.$$; i=0; while [ -e "
			    "/proc/$p ]; do sleep 0.05; i=$((i+1)); [ $i -lt 400 ] || exit 1; "
			    "done; exit 42"),
		42);
}

/* ---- VM_FETCH ----------------------------------------------------------------------------- */

/* 1000: the start continues; otherwise the exit status. WITH are settings, NULL for none. */
static int fetches(const char *one, const char *two)
{
	static char run_dir[100], image_dir[100], embedded[] = "VM_EMBEDDED=/nowhere";
	char *envp[] = {
		run_dir, image_dir, embedded, (char *)(uintptr_t)one, (char *)(uintptr_t)two, NULL};
	int fds[2], status = 0, answer = -1;

	(void)snprintf(run_dir, sizeof run_dir, "VM_RUN_DIR=%s/run", dir);
	(void)snprintf(image_dir, sizeof image_dir, "VM_IMAGE_DIR=%s/images", dir);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();

	if (pid == 0) {
		(void)freopen("/dev/null", "w", stderr);
		signals_block();
		if (fetch_image(envp, &status))
			status = 1000;
		(void)write(fds[1], &status, sizeof status);
		_exit(0);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &answer, sizeof answer), sizeof answer);
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return answer;
}

static void nothing_is_downloaded_without_a_request(void **state)
{
	char drive[100];

	(void)state;
	assert_int_equal(fetches(NULL, NULL), 1000);
	assert_int_equal(fetches("VM_FETCH=0", NULL), 1000);
	/* Invalid settings are reported by the plan. */
	assert_int_equal(fetches("VM_FETCH=1", "QEMU_RAM=much"), 1000);
	/* It is there. */
	(void)snprintf(drive, sizeof drive, "QEMU_DRIVE=%s", dir);
	assert_int_equal(fetches("VM_FETCH=1", drive), 1000);
}

static void a_download_needs_a_directory_and_a_program(void **state)
{
	char path[100];

	(void)state;
	assert_int_equal(fetches("VM_FETCH=1", NULL), EXIT_NO_IMAGE);
	if (access("/usr/lib/vm/make-keys", F_OK) == 0)
		skip();
	(void)snprintf(path, sizeof path, "%s/images", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(fetches("VM_FETCH=1", NULL), EXIT_QEMU_FAILED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_status_is_that_of_the_program),
		TEST(a_program_that_cannot_run_has_a_shells_status),
		TEST(signals_are_passed_on),
		TEST(orphans_are_reaped),
		TEST(nothing_is_downloaded_without_a_request),
		TEST(a_download_needs_a_directory_and_a_program),
	};

	return cmocka_run_group_tests_name("plain_init", tests, NULL, NULL);
}
