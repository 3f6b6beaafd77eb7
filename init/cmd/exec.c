/* exec.c - vm exec: a command in the guest, on its serial console or by ssh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/settings.h"
#include "cmd/cmd.h"
#include "cmd/guest.h"

#define SECOND UINT64_C(1000000000)
/* As timeout(1) ends. */
#define STATUS_TIMEOUT 124

struct wish {
	bool ssh, stay, interrupt, poweroff;
	long timeout_s; /* -1: none */
	const char *user;
	char command[SESSION_COMMAND_MAX + 1];
};

/* Words that are more than one are quoted for a shell, so that each stays one. */
static bool join(char *out, size_t size, char **argv, int argc)
{
	if (argc == 1)
		return snprintf(out, size, "%s", argv[0]) < (int)size;
	for (int i = 0; i < argc; i++)
		if (!cmd_quote(out, size, argv[i]))
			return false;
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
	default: return cmd_fail(&err);
	}
}

static int exec_serial(const struct settings *s, const struct wish *w, char **envp)
{
	struct error err = {0};
	uint64_t end = after(w->timeout_s);
	struct guest_line line;
	const struct guest_wish how = {.user = w->user,
				       .interrupt = w->interrupt,
				       .going_down = w->poweroff,
				       .end_ns = end};

	if (!guest_line_open(s, &how, envp, &line, &err))
		return err.message[0] ? cmd_fail(&err) : (int)err.status;
	_cleanup_fd_ int lock = line.lock;

	if (!w->poweroff)
		return run_in(line.session, w, end);
	bool taken = session_type(line.session, line.profile->poweroff) == SESSION_DONE;

	session_close(line.session, false);
	return taken ? EXIT_CLEAN : EXIT_NOT_READY;
}

static int exec_ssh(struct settings *s, const struct wish *w, char **envp)
{
	static struct ssh ssh;
	char line[128];
	int status;
	struct error err = {0};
	const struct profile *profile = guest_profile(s, envp, &err);

	if (!profile)
		return cmd_fail(&err);
	if (w->user)
		s->login_user = w->user;
	/* Detached, so that the session ends before the guest does, and its status comes back. */
	(void)snprintf(line, sizeof line, "(trap '' HUP; exec %s) >/dev/null 2>&1 </dev/null &",
		       profile->poweroff);
	if (!ssh_prepare(s, w->poweroff ? line : w->command,
			 w->timeout_s > 0 && w->timeout_s < GUEST_SSH_S ? w->timeout_s
									: GUEST_SSH_S,
			 &ssh, &err))
		return cmd_fail(&err);
	status = guest_ssh_run(&ssh, w->timeout_s);
	if (w->poweroff)
		return status == 0 ? EXIT_CLEAN : EXIT_NOT_READY;
	if (status == GUEST_SSH_TIMEOUT)
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
