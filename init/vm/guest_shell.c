/* guest_shell.c - see guest_shell.h. */
#include "vm/guest_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "console/prompt.h"
#include "format/plain_text.h"
#include "vm/cmd.h"

#define SECOND	     UINT64_C(1000000000)
#define FIND_SHELL_S 60
#define LOGOUT_S     4 /* more than a logout is waited for (shell.c) */

static const struct guest_preset *preset_named(const char *name)
{
	for (int g = GUEST_HURD; g <= GUEST_GENERIC; g++)
		if (strcmp(preset_of((enum guest_kind)g)->name, name) == 0)
			return preset_of((enum guest_kind)g);
	return NULL;
}

const struct guest_preset *running_preset(const struct settings *s, char **envp, struct error *err)
{
	char name[32];
	const struct guest_preset *p = NULL;

	if (control_ask(envp, "guest", 5, name, sizeof name) == EXIT_CLEAN)
		p = preset_named(name);
	if (!p)
		(void)error_set(err, EXIT_NOT_READY, NO_GUEST_FIX,
				"no guest runs here (VM_RUN_DIR=%s)", s->run_dir);
	return p;
}

long guest_seconds_left(uint64_t end_ns)
{
	uint64_t now = clock_now();

	if (end_ns == 0)
		return -1;
	return end_ns > now ? (long)((end_ns - now + SECOND - 1) / SECOND) : 1;
}

/* WHY is PID 1's reason (lifecycle_problem() in pid1/lifecycle.c). */
static const char *fix_for(const char *why)
{
	if (strstr(why, "no space left"))
		return "free space on the host; the guest is then continued automatically";
	if (strstr(why, "could not read or write"))
		return "repair the disk, then: vm monitor cont";
	return strstr(why, "paused") ? "vm monitor cont lets it run"
				     : "vm wait waits for it, vm status shows more";
}

static bool not_ready(const char *why, struct error *err)
{
	return error_set(err, EXIT_NOT_READY, fix_for(why), "%s", why);
}

/* Report PID 1's answer, STATUS and WHY, to a request for WHAT. */
static bool unreachable(const struct settings *s, const char *what, int status, const char *why,
			char **envp, struct error *err)
{
	if (status == EXIT_BAD_SETTING)
		return error_set(err, EXIT_BAD_SETTING, "add tcp:2222:22 to QEMU_HOSTFWDS", "%s",
				 why);
	if (strncmp(why, "no guest runs here", 18) == 0)
		return error_set(err, EXIT_NOT_READY, NO_GUEST_FIX,
				 "no guest runs here (VM_RUN_DIR=%s)", s->run_dir);
	if (strncmp(why, "not within", 10) != 0)
		return not_ready(why, err);
	/* Find out why it is not ready. */
	char now[300];

	(void)control_ask(envp, "health", 5, now, sizeof now);
	return error_set(err, EXIT_NOT_READY, "vm wait waits for it, vm status shows more",
			 "the guest's %s cannot be reached in time: %s", what, now);
}

bool guest_wait(const struct settings *s, enum guest_way way, uint64_t end_ns, char **envp,
		struct error *err)
{
	static const char *const requests[] = {[GUEST_SHELL] = "shell await wait",
					       [GUEST_SHELL_NOW] = "shell await now",
					       [GUEST_SSH] = "wait ssh"};
	char why[300];
	int status;

	if (way == GUEST_NO_WAIT)
		return true;
	/* PID 1 may only just have started. While it fetches an image, it answers when the guest is
	 * there. */
	while ((status = control_await(envp, "shell await ever", guest_seconds_left(end_ns),
				       GUEST_START_MS, why, sizeof why)) == EXIT_ASK_AGAIN)
		;
	if (status == EXIT_CLEAN)
		status = control_await(envp, requests[way], guest_seconds_left(end_ns), 0, why,
				       sizeof why);
	return status == EXIT_CLEAN ||
	       unreachable(s, way == GUEST_SSH ? "ssh" : "shell", status, why, envp, err);
}

/* Callers take turns on the line, except a stop, which has no time to wait. */
static int open_lock(const struct settings *s)
{
	char path[RUN_PATH_MAX];
	return open(run_path(s, "exec.lock", path),
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

/* If another process has the lock, wait for the guest first: that wait is bounded by END_NS, and a
 * guest that cannot be reached is reported at once. */
static bool take_turn(int lock, const struct settings *s, enum guest_way way, uint64_t end_ns,
		      char **envp, struct error *err)
{
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (!guest_wait(s, way, end_ns, envp, err))
		return false;
	while (flock(lock, LOCK_EX) != 0 && errno == EINTR)
		;
	return true;
}

/* Besides the turn, the process that waits for a logout has a lock of this kind (fcntl(2))
 * on the same file. */
void guest_line_mark_logout(const struct guest_line *line)
{
	struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)fcntl(line->lock, F_OFD_SETLK, &f);
}

void guest_await_logout(const struct settings *s)
{
	char path[RUN_PATH_MAX];
	uint64_t end = clock_now() + LOGOUT_S * SECOND;
	_cleanup_fd_ int fd = open(run_path(s, "exec.lock", path),
				   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	while (fd >= 0 && clock_now() < end) {
		struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		if (fcntl(fd, F_OFD_GETLK, &f) != 0 || f.l_type == F_UNLCK)
			return;
		clock_nap(5000000);
	}
}

static const char *read_password(const struct settings *s, char *buf, size_t size)
{
	if (!s->login_password_file)
		return NULL;
	ssize_t n = read_small(s->login_password_file, buf, size);
	size_t len = n < 0 ? 0 : (size_t)n;

	buf[len] = '\0';
	(void)plain_text(buf, &len); /* the start has rejected files that are not text */
	buf[strcspn(buf, "\r\n")] = '\0';
	return buf;
}

/* Argument of the session's callbacks. */
struct asking {
	char **envp;
	const char *prompt;
};

static void clock_was_set(void *arg)
{
	const struct asking *a = arg;
	char nothing[8];

	(void)control_ask(a->envp, "clock-set", 5, nothing, sizeof nothing);
}

static enum session_line ask_line(void *arg, char *line, size_t size)
{
	struct asking *a = arg;
	char request[PROMPT_LINE + 16];

	(void)snprintf(request, sizeof request, "shell line%s%s", a->prompt ? " " : "",
		       a->prompt ? a->prompt : "");
	switch (control_ask(a->envp, request, 5, line, size)) {
	case EXIT_CLEAN: return LINE_PROMPT;
	case EXIT_ASK_AGAIN: return LINE_SILENT;
	default: return LINE_BUSY;
	}
}

static void learned(void *arg, const char *prompt)
{
	struct asking a = *(struct asking *)arg;
	char nothing[PROMPT_LINE];

	a.prompt = prompt;
	(void)ask_line(&a, nothing, sizeof nothing);
}

static bool seen(void *arg, const char *prompt)
{
	const struct asking *a = arg;
	char request[PROMPT_LINE + 16];
	char nothing[8];

	return snprintf(request, sizeof request, "shell seen %s", prompt) < (int)sizeof request &&
	       control_ask(a->envp, request, 5, nothing, sizeof nothing) == EXIT_CLEAN;
}

/* Open the serial line with one request to PID 1. */
static int open_stream(const struct settings *s, const struct guest_options *w, const char *user,
		       char **envp, struct shell_head *head, struct error *err)
{
	char request[PROMPT_LINE + 32];
	char why[300];
	int status;
	int fd;

	(void)snprintf(request, sizeof request, "shell open %s %s%s%s",
		       w->going_down ? "stop"
		       : w->no_wait  ? "now"
				     : "wait",
		       strcmp(user, "root") == 0 ? "clock" : "-", w->prompt ? " " : "",
		       w->prompt ? w->prompt : "");
	/* As in guest_wait(): PID 1 may only just have started, or fetch an image. */
	do
		fd = control_shell(envp, request, w->end_ns, GUEST_START_MS, head, &status, why,
				   sizeof why);
	while (fd < 0 && status == EXIT_ASK_AGAIN && why[0] == '\0');
	if (fd >= 0)
		return fd;
	if (status == EXIT_NO_SLOT)
		(void)error_set(err, EXIT_NO_SLOT, CLIENT_NO_PLACE_FIX, "%s", why);
	else
		(void)unreachable(s, "shell", status, why, envp, err);
	return -1;
}

bool guest_line_open(const struct settings *s, const struct guest_options *w, char **envp,
		     struct guest_line *out, struct error *err)
{
	/* The session keeps the clock's command and the strings copied here. */
	static char clock[128];
	static struct asking asking;
	static struct shell_head head;
	const char *user = w->user ? w->user : s->login_user;
	char password[256];

	*out = (struct guest_line){.lock = -1};
	_cleanup_fd_ int lock = w->going_down ? -1 : open_lock(s);

	if (!take_turn(lock, s, w->no_wait ? GUEST_SHELL_NOW : GUEST_SHELL, w->end_ns, envp, err))
		return false;
	int fd = open_stream(s, w, user, envp, &head, err);

	if (fd < 0)
		return false;
	asking = (struct asking){envp, w->prompt};
	out->preset = preset_named(head.guest);
	struct session_options options = {
		.preset = out->preset,
		.user = user,
		.password = read_password(s, password, sizeof password),
		.interrupt = w->interrupt || w->going_down,
		.going_down = w->going_down,
		.at_once = w->at_once,
		.end_ns = w->end_ns ? w->end_ns : clock_now() + FIND_SHELL_S * SECOND,
		.stop = w->stop,
		.shown_prompt = head.state == HEAD_PROMPT ? head.line : NULL,
		.line = ask_line,
		.learned = learned,
		.seen = seen,
		.arg = &asking};

	if (head.clock[0] && out->preset && out->preset->shell == SHELL_SH) {
		(void)snprintf(clock, sizeof clock, "%s >/dev/null 2>&1", head.clock);
		options.first = clock;
		options.first_ran = clock_was_set;
	}
	if (out->preset)
		out->session = session_open(fd, &options, err);
	else
		(void)error_set(err, EXIT_INTERNAL, "install both programs of one build",
				"PID 1 reports an unknown kind of guest: %s", head.guest);
	explicit_bzero(password, sizeof password);
	if (!out->session)
		return false;
	out->lock = fd_take(&lock);
	return true;
}

int guest_ssh_run(const struct ssh *ssh, long timeout_s)
{
	uint64_t end = timeout_s > 0 ? clock_now() + (uint64_t)timeout_s * SECOND : 0;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)execv(ssh->program, ssh->argv);
		_exit(127);
	}
	if (pid < 0)
		return EXIT_INTERNAL;
	/* Without a time limit no periodic check is needed. */
	while (waitpid(pid, &status, end ? WNOHANG : 0) != pid) {
		if (end && clock_now() >= end) {
			(void)kill(pid, SIGTERM);
			(void)waitpid(pid, &status, 0);
			return GUEST_SSH_TIMEOUT;
		}
		if (end)
			clock_nap(10000000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
