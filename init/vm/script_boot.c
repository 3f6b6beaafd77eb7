/* script_boot.c - vm script --boot: runs a guest for the duration of one script.
 *
 * `vm run` is a child with the same settings; its log goes to standard error. The exit statuses are
 * those that `git bisect run` expects of a kernel test: 0 good, 1 bad, and 125 (cannot be tested)
 * if the guest could not be started.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/child.h"
#include "plan/plan.h"
#include "vm/cmd.h"
#include "vm/script.h"

#define STOP_S 30

/* PID 1 has no default signal actions. Its children end with it. */
static void on_signal(int number)
{
	_exit(128 + number);
}

/* Wait until PID 1 await_answer. False: it has ended before, with *STATUS (waitpid(2)). */
static bool await_answer(const struct settings *s, pid_t pid, int *status)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	while (!plan_guest_runs(s)) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

bool script_boot(struct script_guest *g, char **envp, struct error *err)
{
	static struct settings s;
	static struct errors ignored; /* the child reports them */
	char *argv[] = {(char *)"vm", (char *)"run", NULL};
	struct child c = {.path = "/proc/self/exe",
			  .argv = argv,
			  .envp = envp,
			  .fds = {{STDERR_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}},
			  .fd_count = 2,
			  .new_session = true,
			  .die_with_parent = true};
	const struct sigaction end = {.sa_handler = on_signal};

	(void)settings_parse(envp, &s, &ignored);
	if (plan_guest_runs(&s))
		return error_set(err, EXIT_BAD_USAGE,
				 "leave --boot out, or set another VM_RUN_DIR for a second guest",
				 "a guest runs here already (VM_RUN_DIR=%s)", s.run_dir);
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGINT, &end, NULL);
	g->pid = child_start(&c, NULL, err);
	if (g->pid < 0)
		return false;
	if (await_answer(&s, g->pid, &g->status))
		return true;
	return error_set(err, SCRIPT_NOT_STARTED, "see the message above",
			 "the guest was not started");
}

/* Did the guest never run, or could QEMU not continue? (Statuses from sysexits(3).) */
static bool not_started(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	return code >= EXIT_BAD_USAGE && code <= EXIT_BAD_SETTING;
}

int script_boot_end(struct script_guest *g, char **envp, int status)
{
	char answer[256];

	(void)control_ask(envp, "stop --now", STOP_S, answer, sizeof answer);
	while (waitpid(g->pid, &g->status, 0) < 0 && errno == EINTR)
		;
	return status == EXIT_QEMU_FAILED && not_started(g->status) ? SCRIPT_NOT_STARTED : status;
}
