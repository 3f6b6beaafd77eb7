/* test_shell_login.c - finding a shell behind a login on whose line the kernel prints, too: a
 * real terminal, and a script in place of getty.
 */
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
#include "config/guest_profile.h"
#include "vm/shell_internal.h"

#define SECOND UINT64_C(1000000000)

/* Behind every login prompt comes a line of the kernel's, and then nothing. */
static const char getty[] =
	"while :; do"
	"	printf 'linux login: \\n[   20.0] kernel says something\\n'; read -r name;"
	"	[ \"$name\" = root ] && break;"
	"done; PS1='# ' exec sh -i";

/* A line of the kernel's comes right behind the shell's prompt, and others at intervals that look
 * like quiet. */
static const char getty_of_a_busy_kernel[] =
	"printf 'linux login: '; read -r name; [ \"$name\" = root ] || read -r name;"
	"while sleep 0.3; do printf '[   20.0] kernel says something\n'; done &"
	"printf '# [   20.0] kernel says something\n'; PS1= exec sh -i";

static void find_the_shell_behind(const char *script)
{
	struct error err = {0};
	const struct session_options options = {.profile = profile_of(GUEST_LINUX),
						.user = "root",
						.end_ns = clock_now() + 60 * SECOND};
	int line;
	int status;
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
	assert_int_equal(session_exec(s, "exit 7", 0, STDOUT_FILENO, &status, &err), SESSION_DONE);
	assert_int_equal(status, 7);
	session_close(s, false);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_login_prompt_with_a_line_of_the_kernels_behind_it(void **state)
{
	(void)state;
	find_the_shell_behind(getty);
}

static void a_kernel_that_prints_behind_the_shells_prompt_and_goes_on(void **state)
{
	(void)state;
	find_the_shell_behind(getty_of_a_busy_kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_prompt_with_a_line_of_the_kernels_behind_it),
		cmocka_unit_test(a_kernel_that_prints_behind_the_shells_prompt_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
