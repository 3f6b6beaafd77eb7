/* guest.c - see guest.h. */
#include "cmd/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cmd/cmd.h"

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

/* One at a time on the line, but for a stop, which has no time to wait. */
static int lock_line(const struct settings *s)
{
	char path[RUN_PATH_MAX];
	int fd = open(run_path(s, "exec.lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	return fd;
}

static const char *read_password(const struct settings *s, char *buf, size_t size)
{
	if (!s->login_password_file)
		return NULL;
	if (read_small(s->login_password_file, buf, size) < 0)
		buf[0] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	return buf;
}

static void clock_was_set(void *envp)
{
	char nothing[8];

	(void)client_ask(envp, "clock set", 5, nothing, sizeof nothing);
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
	w->arg = envp;
}

bool guest_line_open(const struct settings *s, const struct guest_wish *w, char **envp,
		     struct guest_line *out, struct error *err)
{
	char password[256];
	char why[300];
	static char clock[81]; /* the session keeps it */
	int status;

	*out = (struct guest_line){.profile = guest_profile(s, envp, err), .lock = -1};
	if (!out->profile)
		return false;
	if (!w->going_down && client_ask(envp, "wait login now", 5, why, sizeof why) != EXIT_CLEAN)
		return error_set(err, EXIT_NOT_READY, "vm wait waits for it", "%s", why);
	_cleanup_fd_ int lock = w->going_down ? -1 : lock_line(s);
	int fd = client_stream(envp, "console live", &status);

	if (fd < 0) {
		*err = (struct error){.status = (enum exit_status)status};
		return false;
	}
	struct session_wishes wishes = {.profile = out->profile,
					.user = w->user ? w->user : s->login_user,
					.password = read_password(s, password, sizeof password),
					.interrupt = w->interrupt || w->going_down,
					.end_ns = w->end_ns ? w->end_ns
							    : clock_now() + FIND_SHELL_S * SECOND,
					.stop = w->stop};

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
	const struct timespec tick = {.tv_nsec = 10000000};
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
			(void)nanosleep(&tick, NULL);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
