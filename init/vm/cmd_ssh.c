/* cmd_ssh.c - vm ssh: a shell or a command in the guest, by ssh(1) with this guest's port, key and
 * user.
 *
 * ssh(1) runs as a child instead of replacing this program, because it reads the key from this
 * process's memory (proto/ssh.h). It has our terminal and standard streams, and its status becomes
 * ours.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/error.h"
#include "base/log.h"
#include "vm/cmd.h"
#include "vm/guest_settings.h"
#include "vm/guest_shell.h"

#define SECOND	    UINT64_C(1000000000)
#define COMMAND_MAX 65536

/* How long sshd of a ready guest may take to answer. */
#define READY_S 30

/* ssh(1)'s status for its own failures; a command in the guest can return it, too. */
#define SSH_FAILED 255

struct ssh_options {
	const char *user;
	long timeout_s; /* -1: none */
	bool terminal;
};

/* ---- waiting --------------------------------------------------------------------------- */

static bool no_answer(const char *health, bool is_ready, struct error *err)
{
	if (is_ready)
		return error_set(err, EXIT_NOT_READY,
				 "start an ssh server in the guest; without one: vm exec COMMAND, "
				 "vm console",
				 "the guest is ready, but no ssh server answers at its forwarded "
				 "port");
	return error_set(err, EXIT_NOT_READY, "raise --timeout; vm status shows more",
			 "no ssh server answers in time: %s", health);
}

/* Wait until sshd answers: until END_NS (if set) while the guest is not ready, READY_S after that.
 */
static bool wait_for_sshd(char **envp, uint64_t end_ns, struct error *err)
{
	char why[300];
	char health[300] = "";
	bool told = false;
	bool was_ready = false;

	for (;;) {
		uint64_t now = clock_now();
		long left = end_ns == 0	   ? READY_S
			    : end_ns > now ? (long)((end_ns - now + SECOND - 1) / SECOND)
					   : 0;
		/* Try once before waiting: most guests answer at once. */
		long patience = !told ? 2 : READY_S;
		int status = control_await(envp, "wait ssh", left < patience ? left : patience,
					   GUEST_START_MS, why, sizeof why);

		if (status == EXIT_CLEAN)
			return true;
		if (status == EXIT_BAD_SETTING)
			return error_set(err, EXIT_BAD_SETTING, "add tcp:2222:22 to QEMU_HOSTFWDS",
					 "the guest cannot be reached by ssh: %s", why);
		if (strncmp(why, "not within", 10) != 0)
			return error_set(err, status, "vm status shows more",
					 "the guest cannot be reached by ssh: %s", why);
		bool ready = control_ask(envp, "health", 5, health, sizeof health) == EXIT_CLEAN;

		if ((end_ns && clock_now() >= end_ns) || (was_ready && ready && told))
			return no_answer(health, ready, err);
		if (!told && terminal_is_smart(STDERR_FILENO))
			log_info("waiting for the guest's ssh server: %s", health);
		told = true;
		was_ready = ready;
	}
}

/* ---- running --------------------------------------------------------------------------- */

static volatile sig_atomic_t child;

static void pass_on(int sig)
{
	if (child > 0)
		(void)kill((pid_t)child, sig);
}

/* ssh has the terminal and receives ^C itself; signals sent to this process alone are passed on. */
static void catch_signals(void)
{
	struct sigaction pass = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

	(void)sigaction(SIGTERM, &pass, NULL);
	(void)sigaction(SIGHUP, &pass, NULL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
}

static int run(const struct ssh *ssh)
{
	sigset_t both, before;
	int status;

	(void)sigemptyset(&both);
	(void)sigaddset(&both, SIGTERM);
	(void)sigaddset(&both, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &both, &before);
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		(void)execv(ssh->program, ssh->argv);
		_exit(127);
	}
	if (pid < 0) {
		log_error("%s: %s", ssh->program, strerror(errno));
		return EXIT_INTERNAL;
	}
	child = (sig_atomic_t)pid;
	catch_signals();
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* -t must precede all other options. */
static void ask_for_terminal(struct ssh *ssh)
{
	size_t n = 0;

	while (ssh->argv[n])
		n++;
	if (n + 2 > SSH_ARGV_MAX)
		return;
	memmove(ssh->argv + 2, ssh->argv + 1, n * sizeof *ssh->argv);
	ssh->argv[1] = (char *)(uintptr_t) "-t";
}

/* A single word is a line for the guest's shell; several are quoted, as by vm exec. */
static bool join(char *out, size_t size, char **argv, int argc)
{
	out[0] = '\0';
	if (argc == 1)
		return snprintf(out, size, "%s", argv[0]) < (int)size;
	for (int i = 0; i < argc; i++)
		if (!cmd_quote(out, size, argv[i]))
			return false;
	return true;
}

int cmd_ssh(const struct command *self, int argc, char **argv, char **envp)
{
	static struct settings s;
	static struct ssh ssh;
	static char command[COMMAND_MAX];
	char answer[64];
	struct ssh_options w = {.timeout_s = -1};
	struct error err = {0};
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end;

		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--tty") == 0) {
			w.terminal = true;
		} else if (strcmp(argv[i], "--login") == 0 && value[0]) {
			w.user = value;
			i++;
		} else if (strcmp(argv[i], "--timeout") == 0 && value[0] >= '0' &&
			   value[0] <= '9') {
			w.timeout_s = strtol(value, &end, 10);
			if (*end || w.timeout_s > 10000000)
				return cmd_usage(self, "--timeout takes seconds, not", value);
			i++;
		} else {
			return cmd_usage(
				self,
				"unknown option, or its value is missing or invalid:", argv[i]);
		}
	}
	if (!join(command, sizeof command, argv + i, argc - i))
		return cmd_usage(self, "the command is too long", NULL);
	if (control_await(envp, "guest", 5, GUEST_START_MS, answer, sizeof answer) ==
	    EXIT_NOT_READY) {
		(void)error_set(&err, EXIT_NOT_READY, NO_GUEST_FIX,
				"no guest runs here (VM_RUN_DIR=%s)",
				control_settings(envp)->run_dir);
		return cmd_fail(&err);
	}
	s = *guest_settings(envp);
	if (w.user)
		s.login_user = w.user;
	/* Report missing programs and keys before waiting for a guest. */
	if (!ssh_prepare(&s, i < argc ? command : NULL, GUEST_SSH_S, &ssh, &err) ||
	    !wait_for_sshd(envp, w.timeout_s < 0 ? 0 : clock_now() + (uint64_t)w.timeout_s * SECOND,
			   &err))
		return cmd_fail(&err);
	control_hang_up();
	if (w.terminal)
		ask_for_terminal(&ssh);
	int status = run(&ssh);

	if (status == SSH_FAILED)
		log_info("status 255 comes from ssh itself: if it could not log in, check that the "
			 "guest's user %s accepts the key (VM_SSH_KEY, --login)",
			 s.login_user);
	return status;
}
