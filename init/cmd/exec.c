/* exec.c - vm exec: a command in the guest, on its serial console or by ssh. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/settings.h"
#include "cmd/cmd.h"
#include "guest/session.h"
#include "guest/ssh.h"

#define SECOND	     UINT64_C(1000000000)
#define FIND_SHELL_S 60
#define SSH_S	     15
/* As timeout(1) ends. */
#define STATUS_TIMEOUT 124

struct wish {
	bool ssh, stay, interrupt, poweroff;
	long timeout_s; /* -1: none */
	const char *user;
	char command[SESSION_COMMAND_MAX + 1];
};

static int fail(const struct error *err)
{
	(void)fprintf(stderr, "vm: error: %s\n", err->message);
	if (err->fix[0])
		(void)fprintf(stderr, "vm:   fix: %s\n", err->fix);
	return err->status;
}

/* Words that are more than one are quoted for a shell, so that each stays one. */
static bool join(char *out, size_t size, char **argv, int argc)
{
	size_t n = 0;

	if (argc == 1)
		return snprintf(out, size, "%s", argv[0]) < (int)size;
	for (int i = 0; i < argc; i++) {
		n += (size_t)snprintf(out + n, size - n, "%s'", i ? " " : "");
		for (const char *p = argv[i]; *p && n + 8 < size; p++)
			n += (size_t)snprintf(out + n, size - n, *p == '\'' ? "'\\''" : "%c", *p);
		n += (size_t)snprintf(out + n, size - n, "'");
		if (n + 8 >= size)
			return false;
	}
	return true;
}

/* The option at ARGV[*I], with its value. False: it is none, or wrong (*BAD says what). */
static bool option(struct wish *w, int argc, char **argv, int *i, const char **bad)
{
	const char *name = argv[*i];
	const char *value = *i + 1 < argc ? argv[*i + 1] : NULL;
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"--stay", &w->stay}, {"--interrupt", &w->interrupt}, {"--poweroff", &w->poweroff}};

	for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
		if (strcmp(name, flags[f].name) == 0) {
			*flags[f].flag = true;
			return true;
		}
	*bad = name;
	if (!value)
		return false;
	(*i)++;
	if (strcmp(name, "--login") == 0) {
		w->user = value;
		return true;
	}
	if (strcmp(name, "--via") == 0) {
		w->ssh = strcmp(value, "ssh") == 0;
		*bad = value;
		return w->ssh || strcmp(value, "serial") == 0;
	}
	if (strcmp(name, "--timeout") == 0) {
		char *end;

		w->timeout_s = strtol(value, &end, 10);
		*bad = value;
		return value[0] >= '0' && value[0] <= '9' && !*end && w->timeout_s <= 10000000;
	}
	return false;
}

static const struct profile *ask_profile(char **envp)
{
	char name[32];

	if (client_ask(envp, "profile", 5, name, sizeof name) != EXIT_CLEAN)
		return NULL;
	for (int g = GUEST_HURD; g <= GUEST_GENERIC; g++)
		if (strcmp(profile_of((enum guest)g)->name, name) == 0)
			return profile_of((enum guest)g);
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

static uint64_t after(long s)
{
	return s < 0 ? 0 : clock_now() + (uint64_t)s * SECOND;
}

static int run_in(struct session *session, const struct wish *w, uint64_t end)
{
	struct error err = {0};
	int status;
	enum session_result result =
		session_exec(session, w->command, end, STDOUT_FILENO, &status, &err);

	session_close(session, session_logged_in(session) && !w->stay);
	switch (result) {
	case SESSION_DONE: return status < 0 ? EXIT_CLEAN : status;
	case SESSION_TIMEOUT:
		(void)fprintf(stderr, "vm: error: not done within %ld s: ended by ^C\n",
			      w->timeout_s);
		return STATUS_TIMEOUT;
	case SESSION_GONE:
		(void)fprintf(stderr, "vm: error: the guest has ended meanwhile\n");
		return EXIT_QEMU_FAILED;
	default: return fail(&err);
	}
}

static int exec_serial(const struct settings *s, const struct wish *w, char **envp)
{
	char password[256];
	char why[300];
	struct error err = {0};
	int status;
	uint64_t end = after(w->timeout_s);
	const struct profile *profile = ask_profile(envp);

	if (!profile) {
		(void)fprintf(stderr, "vm: error: no guest runs here (VM_RUN_DIR=%s)\n",
			      s->run_dir);
		return EXIT_NOT_READY;
	}
	if (!w->poweroff && client_ask(envp, "wait login now", 5, why, sizeof why) != EXIT_CLEAN) {
		(void)fprintf(stderr, "vm: error: %s\nvm:   fix: vm wait waits for it\n", why);
		return EXIT_NOT_READY;
	}
	_cleanup_fd_ int lock = w->poweroff ? -1 : lock_line(s);
	int fd = client_stream(envp, "console live", &status);

	if (fd < 0)
		return status;
	struct session_wishes wishes = {.profile = profile,
					.user = w->user ? w->user : s->login_user,
					.password = read_password(s, password, sizeof password),
					.interrupt = w->interrupt || w->poweroff,
					.end_ns = w->timeout_s < 0 ? after(FIND_SHELL_S) : end};
	struct session *session = session_open(fd, &wishes, &err);

	explicit_bzero(password, sizeof password);
	if (!session)
		return fail(&err);
	if (!w->poweroff)
		return run_in(session, w, end);
	bool taken = session_type(session, profile->poweroff) == SESSION_DONE;

	session_close(session, false);
	return taken ? EXIT_CLEAN : EXIT_NOT_READY;
}

/* Run ssh to its end, but no longer than TIMEOUT_S (0: any time). Its status, or STATUS_TIMEOUT. */
static int run_ssh(struct ssh *ssh, long timeout_s)
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
			return STATUS_TIMEOUT;
		}
		if (end)
			(void)nanosleep(&tick, NULL);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int exec_ssh(struct settings *s, const struct wish *w, char **envp)
{
	static struct ssh ssh;
	char line[128];
	int status;
	struct error err = {0};
	const struct profile *profile = ask_profile(envp);

	if (!profile) {
		(void)fprintf(stderr, "vm: error: no guest runs here (VM_RUN_DIR=%s)\n",
			      s->run_dir);
		return EXIT_NOT_READY;
	}
	if (w->user)
		s->login_user = w->user;
	/* Detached, so that the session ends before the guest does, and its status comes back. */
	(void)snprintf(line, sizeof line, "(trap '' HUP; exec %s) >/dev/null 2>&1 </dev/null &",
		       profile->poweroff);
	if (!ssh_prepare(s, w->poweroff ? line : w->command,
			 w->timeout_s > 0 && w->timeout_s < SSH_S ? w->timeout_s : SSH_S, &ssh,
			 &err))
		return fail(&err);
	status = run_ssh(&ssh, w->timeout_s);
	if (w->poweroff)
		return status == 0 ? EXIT_CLEAN : EXIT_NOT_READY;
	if (status == STATUS_TIMEOUT)
		(void)fprintf(stderr, "vm: error: not done within %ld s\n", w->timeout_s);
	return status;
}

int cmd_exec(const struct command *self, int argc, char **argv, char **envp)
{
	static struct settings s;
	static struct errors ignored; /* PID 1 has reported them */
	static struct wish w = {.timeout_s = -1};
	const char *bad = NULL;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!option(&w, argc, argv, &i, &bad))
			return cmd_usage(self,
					 "unknown option, or a value is wrong or missing:", bad);
	}
	if (w.poweroff ? i < argc : i == argc)
		return cmd_usage(
			self, w.poweroff ? "--poweroff takes no command" : "a command is missing",
			NULL);
	if (!w.poweroff && !join(w.command, sizeof w.command, argv + i, argc - i))
		return cmd_usage(self, "the command is too long", NULL);
	(void)settings_parse(envp, &s, &ignored);
	return w.ssh ? exec_ssh(&s, &w, envp) : exec_serial(&s, &w, envp);
}
