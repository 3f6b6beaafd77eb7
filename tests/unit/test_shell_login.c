/* test_shell_login.c - finding a shell after a login while the kernel prints on the same line: a
 * real terminal, and a script in place of getty.
 */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "config/guest_preset.h"
#include "vm/shell_internal.h"

#define SECOND UINT64_C(1000000000)

/* Every login prompt is followed by a kernel message, and then nothing. */
static const char getty[] =
	"while :; do"
	"	printf 'linux login: \\n[   20.0] kernel says something\\n'; read -r name;"
	"	[ \"$name\" = root ] && break;"
	"done; PS1='# ' exec sh -i";

/* A kernel message comes directly after the shell's prompt, and others at intervals that look like
 * silence. */
static const char getty_of_a_busy_kernel[] =
	"printf 'linux login: '; read -r name; [ \"$name\" = root ] || read -r name;"
	"while sleep 0.3; do printf '[   20.0] kernel says something\n'; done &"
	"printf '# [   20.0] kernel says something\n'; PS1= exec sh -i";

static struct session *log_in_to(const char *script, bool at_once, pid_t *child)
{
	struct error err = {0};
	const struct session_options options = {.preset = preset_of(GUEST_LINUX),
						.user = "root",
						.at_once = at_once,
						.end_ns = clock_now() + 60 * SECOND};
	int line;
	pid_t pid = forkpty(&line, NULL, NULL, NULL);

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)unsetenv("ENV");
		(void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	struct session *s = session_open(line, &options, &err);

	if (!s)
		fail_msg("%s", err.message);
	assert_true(session_logged_in(s));
	*child = pid;
	return s;
}

static void ends(struct session *s, pid_t pid)
{
	session_close(s, false);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The status of COMMAND; -1: it did not come, for the reason WHY. */
static int status_of(struct session *s, const char *command, const char *why)
{
	struct error err = {0};
	int status;
	/* Standard output has the test's report, whose lines this must not break. */
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	enum session_result result = session_exec(s, command, 0, out, &status, &err);

	close(out);
	assert_string_equal(err.message, why);
	assert_int_equal(result, why[0] ? SESSION_FAILED : SESSION_DONE);
	return status;
}

static void find_the_shell_behind(const char *script)
{
	for (int at_once = 0; at_once < 2; at_once++) {
		pid_t pid;
		struct session *s = log_in_to(script, at_once, &pid);

		assert_int_equal(status_of(s, "exit 7", ""), 7);
		ends(s, pid);
	}
}

static void a_login_prompt_followed_by_a_kernel_message(void **state)
{
	(void)state;
	find_the_shell_behind(getty);
}

static void kernel_messages_after_the_shell_prompt(void **state)
{
	(void)state;
	find_the_shell_behind(getty_of_a_busy_kernel);
}

#define LOGIN                                                                                      \
	"while :; do printf 'linux login: '; read -r name; [ \"$name\" = root ] && break; done;"

/* sh, as far as one line needs it, with that echo. */
#define BROKEN_SHELL "printf '# '; read -r line; (eval \"$line\");"

/* What is typed first is read by something else: it is typed again, once. */
static void a_command_that_never_came_to_the_shell(void **state)
{
	char dir[] = "/tmp/test-shell.XXXXXX";
	char text[1200];
	char command[64];
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/n", dir);
	for (int n = 1; n <= 3; n++) {
		pid_t pid;

		(void)snprintf(command, sizeof command, "echo %d >>n; : 'a'; exit 4", n);
		(void)snprintf(text, sizeof text,
			       LOGIN "printf '# '; read -r lost;"
				     "cd %s; PS1='# ' exec sh -i",
			       dir);
		struct session *s = log_in_to(text, true, &pid);

		assert_int_equal(status_of(s, command, ""), 4);
		ends(s, pid);
	}
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof text, f), 6);
	assert_memory_equal(text, "1\n2\n3\n", 6);
	(void)fclose(f);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* The shell ends behind the last command, by itself. */
static void the_last_command(void **state)
{
	static const char script[] =
		LOGIN "PS1='# ' sh +m -i; printf 'linux login: '; read -r name";
	pid_t pid;

	(void)state;
	struct session *s = log_in_to(script, true, &pid);

	assert_int_equal(status_of(s, "exit 5", ""), 5);
	session_last(s);
	assert_int_equal(status_of(s, "exit 6", ""), 6);
	assert_true(s->left);
	ends(s, pid);
	s = log_in_to(script, true, &pid);
	session_last(s);
	assert_int_equal(status_of(s, "kill -9 $PPID", ""), -1);
	assert_false(session_logged_in(s));
	ends(s, pid);
	/* The kernel has printed into each of the marks. */
	s = log_in_to(LOGIN "echo() { printf '%s\\n' \"$1\" | sed 's/E....../&[/g'; };" BROKEN_SHELL
			    "printf 'linux login: '; read -r name",
		      true, &pid);
	session_last(s);
	assert_int_equal(status_of(s, "true",
				   "the guest's shell has ended, and the command's status did "
				   "not come"),
			 -1);
	assert_false(session_logged_in(s));
	ends(s, pid);
}

/* BusyBox' line editor: it asks for the cursor's position, and waits for the answer. */
static void a_prompt_that_asks_for_the_cursor(void **state)
{
	static const char script[] =
		LOGIN "printf 'linux# \\033[6n'; read -r line;"
		      "case $line in *'[1;8R'*) eval \"${line#*R}\" ;; *) echo none ;; esac";
	pid_t pid;

	(void)state;
	struct session *s = log_in_to(script, true, &pid);

	assert_int_equal(status_of(s, "exit 3", ""), 3);
	ends(s, pid);
}

static enum session_line restarted(void *arg, char *line, size_t size)
{
	(void)arg;
	(void)snprintf(line, size, "grub> ");
	return LINE_SILENT;
}

/* PID 1 has seen no prompt since the machine's reset, and the boot loader waits. */
static void a_guest_restarted_under_the_command(void **state)
{
	pid_t pid;

	(void)state;
	struct session *s =
		log_in_to(LOGIN "printf '# '; read -r line; printf '\ngrub> '; cat", true, &pid);

	s->w.line = restarted;
	s->w.still_ns = 1;
	assert_int_equal(status_of(s, "reboot", "the guest was restarted while the command ran"),
			 -1);
	assert_false(session_logged_in(s));
	ends(s, pid);
}

/* machsh: the status is asked for in a line that ends the shell, too. */
static void the_last_command_of_machsh(void **state)
{
	struct error err = {0};
	const struct session_options options = {.preset = preset_of(GUEST_MACH),
						.user = "root",
						.end_ns = clock_now() + 60 * SECOND};
	int status, line;
	pid_t pid = forkpty(&line, NULL, NULL, NULL);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)unsetenv("ENV");
		(void)execl("/bin/sh", "sh", "-c",
			    LOGIN "PS1='machsh# ' sh +m -i; printf 'linux login: '; read -r name",
			    (char *)NULL);
		_exit(127);
	}
	struct session *s = session_open(line, &options, &err);

	if (!s)
		fail_msg("%s", err.message);
	session_last(s);
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(session_exec(s, "false", 0, out, &status, &err), SESSION_DONE);
	close(out);
	assert_int_equal(status, 1);
	assert_true(s->left);
	while (session_classify_line(s) != SEEN_LOGIN)
		assert_true(session_read(s, clock_now() + 60 * SECOND));
	ends(s, pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_prompt_followed_by_a_kernel_message),
		cmocka_unit_test(kernel_messages_after_the_shell_prompt),
		cmocka_unit_test(a_command_that_never_came_to_the_shell),
		cmocka_unit_test(the_last_command),
		cmocka_unit_test(the_last_command_of_machsh),
		cmocka_unit_test(a_prompt_that_asks_for_the_cursor),
		cmocka_unit_test(a_guest_restarted_under_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
