/* guest_shell.c - see guest_shell.h. */
#include "vm/guest_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
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

const struct profile *guest_profile(const struct settings *s, char **envp, struct error *err)
{
	char name[32];

	if (client_ask(envp, "profile", 5, name, sizeof name) == EXIT_CLEAN)
		for (int g = GUEST_HURD; g <= GUEST_GENERIC; g++)
			if (strcmp(profile_of((enum guest)g)->name, name) == 0)
				return profile_of((enum guest)g);
	(void)error_set(err, EXIT_NOT_READY, "", "no guest runs here (VM_RUN_DIR=%s)", s->run_dir);
	return NULL;
}

long guest_left_s(uint64_t end_ns)
{
	uint64_t now = clock_now();

	if (end_ns == 0)
		return -1;
	return end_ns > now ? (long)((end_ns - now + SECOND - 1) / SECOND) : 1;
}

static bool not_ready(const char *why, struct error *err)
{
	const char *fix = strstr(why, "paused") ? "vm monitor cont lets it run"
						: "vm wait waits for it, vm status tells more";

	return error_set(err, EXIT_NOT_READY, fix, "%s", why);
}

bool guest_wait(const struct settings *s, const char *what, uint64_t end_ns, char **envp,
		struct error *err)
{
	char why[300];
	char request[32];
	int status;

	if (!what)
		return true;
	/* PID 1 may only just have started; and while it fetches an image, it says so when the
	 * guest is there. */
	while ((status = client_await(envp, "wait guest", guest_left_s(end_ns), GUEST_START_MS, why,
				      sizeof why)) == EXIT_ASK_AGAIN)
		;
	(void)snprintf(request, sizeof request, "wait %s", what);
	if (status == EXIT_CLEAN)
		status = client_await(envp, request, guest_left_s(end_ns), 0, why, sizeof why);
	if (status == EXIT_CLEAN)
		return true;
	if (status == EXIT_BAD_SETTING)
		return error_set(err, EXIT_BAD_SETTING, "add tcp:2222:22 to QEMU_HOSTFWDS", "%s",
				 why);
	if (strncmp(why, "no guest runs here", 18) == 0)
		return error_set(err, EXIT_NOT_READY, "", "no guest runs here (VM_RUN_DIR=%s)",
				 s->run_dir);
	if (strncmp(why, "not within", 10) != 0)
		return not_ready(why, err);
	/* Why it is not ready. */
	char now[300];

	(void)client_ask(envp, "health", 5, now, sizeof now);
	return error_set(err, EXIT_NOT_READY, "vm wait waits for it, vm status tells more",
			 "the guest's %s cannot be reached in time: %s", what, now);
}

/* One at a time on the line, but for a stop, which has no time to wait. */
static int lock_line(const struct settings *s)
{
	char path[RUN_PATH_MAX];
	int fd = open(run_path(s, "exec.lock", path),
		      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	return fd;
}

static const char *read_password(const struct settings *s, char *buf, size_t size)
{
	if (!s->login_password_file)
		return NULL;
	ssize_t n = read_small(s->login_password_file, buf, size);
	size_t len = n < 0 ? 0 : (size_t)n;

	buf[len] = '\0';
	(void)plain_text(buf, &len); /* the start has refused what is no text */
	buf[strcspn(buf, "\r\n")] = '\0';
	return buf;
}

/* What the session's callbacks work with. */
struct asking {
	char **envp;
	const char *prompt;
};

static void clock_was_set(void *arg)
{
	const struct asking *a = arg;
	char nothing[8];

	(void)client_ask(a->envp, "clock set", 5, nothing, sizeof nothing);
}

static enum session_line ask_line(void *arg, char *line, size_t size)
{
	struct asking *a = arg;
	char request[PROMPT_LINE + 16];

	(void)snprintf(request, sizeof request, "prompt%s%s", a->prompt ? " " : "",
		       a->prompt ? a->prompt : "");
	switch (client_ask(a->envp, request, 5, line, size)) {
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

/* A resumed guest's clock, which only root can set, before the first command. */
static void wish_clock(struct session_wishes *w, char **envp, char *buf, size_t size)
{
	char set[64];

	if (w->profile->shell != SHELL_SH || strcmp(w->user, "root") != 0 ||
	    client_ask(envp, "clock", 5, set, sizeof set) != EXIT_CLEAN || !set[0])
		return;
	(void)snprintf(buf, size, "%s >/dev/null 2>&1", set);
	w->first = buf;
	w->first_ran = clock_was_set;
}

bool guest_line_open(const struct settings *s, const struct guest_wish *w, char **envp,
		     struct guest_line *out, struct error *err)
{
	char password[256];
	static char clock[81]; /* the session keeps it, and this */
	static struct asking asking;
	int status;

	*out = (struct guest_line){.lock = -1};
	if (!guest_wait(s,
			w->going_down ? NULL
			: w->no_wait  ? "shell now"
				      : "shell",
			w->end_ns, envp, err) ||
	    !(out->profile = guest_profile(s, envp, err)))
		return false;
	asking = (struct asking){envp, w->prompt};
	_cleanup_fd_ int lock = w->going_down ? -1 : lock_line(s);
	int fd = client_stream_patient(envp, "console live", &status);

	if (fd < 0) {
		*err = (struct error){.status = (enum exit_status)status};
		return false;
	}
	struct session_wishes wishes = {.profile = out->profile,
					.user = w->user ? w->user : s->login_user,
					.password = read_password(s, password, sizeof password),
					.interrupt = w->interrupt || w->going_down,
					.going_down = w->going_down,
					.end_ns = w->end_ns ? w->end_ns
							    : clock_now() + FIND_SHELL_S * SECOND,
					.stop = w->stop,
					.line = ask_line,
					.learned = learned,
					.arg = &asking};

	if (!w->going_down)
		wish_clock(&wishes, envp, clock, sizeof clock);
	out->session = session_open(fd, &wishes, err);
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
		(void)execv(ssh->program, ssh->argv);
		_exit(127);
	}
	if (pid < 0)
		return EXIT_INTERNAL;
	/* Without an end there is nothing to look at in between. */
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
