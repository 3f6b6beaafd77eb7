/* cmd_exec.c - vm exec: a command in the guest, on its serial console or by ssh. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "config/settings.h"
#include "console/prompt.h"
#include "vm/cmd.h"
#include "vm/guest_shell.h"

#define TIMEOUT_FIX "give the command longer: vm exec --timeout SECONDS"

#define SECOND UINT64_C(1000000000)
/* timeout(1)'s status */
#define STATUS_TIMEOUT 124
#define STATUS_SIGNAL  128
/* A shell's status for a program that exists but cannot be run. */
#define STATUS_NO_DIR 126
#define ENV_MAX	      64

struct exec_options {
	bool ssh, stay, interrupt, poweroff, no_wait;
	long timeout_s; /* -1: none */
	const char *user, *prompt, *dir;
	size_t env_count;
	const char *env[ENV_MAX]; /* NAME=VALUE */
	char command[SESSION_COMMAND_MAX + 1];
};

/* Several words are quoted, so that the guest's shell sees the same words. */
static bool join(char *out, size_t size, char **argv, int argc)
{
	if (argc == 1)
		return snprintf(out, size, "%s", argv[0]) < (int)size;
	for (int i = 0; i < argc; i++)
		if (!cmd_quote(out, size, argv[i]))
			return false;
	return true;
}

/* NAME=VALUE, or NAME to copy the variable from this environment. An unset variable adds nothing.
 */
static bool add_env(struct exec_options *w, char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t n = strspn(text, letters);

	if (n == 0 || (text[0] >= '0' && text[0] <= '9') || (text[n] && text[n] != '=') ||
	    w->env_count == ENV_MAX)
		return false;
	if (text[n] == '=') {
		w->env[w->env_count++] = text;
		return true;
	}
	/* Entries of environ already have the form NAME=VALUE. */
	char *value = getenv(text);

	if (value)
		w->env[w->env_count++] = value - n - 1;
	return true;
}

/* Prepend what --env and --dir require to the command. False if the result is too long. */
static bool surround(struct exec_options *w)
{
	static char command[sizeof w->command];
	size_t size = sizeof w->command;
	size_t n;

	if (!w->dir && w->env_count == 0)
		return true;
	(void)snprintf(command, size, "%s", w->command);
	w->command[0] = '\0';
	for (size_t i = 0; i < w->env_count; i++)
		if (!cmd_quote(w->command, size, i ? w->env[i] : "export") ||
		    (i == 0 && !cmd_quote(w->command, size, w->env[i])))
			return false;
	n = strlen(w->command);
	if (w->env_count > 0 && w->dir)
		n += (size_t)snprintf(w->command + n, size - n, ";");
	if (w->dir && n < size) {
		(void)snprintf(w->command + n, size - n, "%scd --", n ? " " : "");
		if (!cmd_quote(w->command, size, w->dir))
			return false;
		n = strlen(w->command);
		n += (size_t)snprintf(w->command + n, size - n, " || exit %d", STATUS_NO_DIR);
	}
	return n < size && snprintf(w->command + n, size - n, "; %s", command) < (int)(size - n);
}

/* Parse the option at ARGV[*I] with its value. False if it is not an option or invalid (*BAD says
 * why). */
static bool option(struct exec_options *w, int argc, char **argv, int *i, const char **bad)
{
	const char *name = argv[*i];
	char *value = *i + 1 < argc ? argv[*i + 1] : NULL;
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {{"--stay", &w->stay},
		     {"--interrupt", &w->interrupt},
		     {"--poweroff", &w->poweroff},
		     {"--no-wait", &w->no_wait}};

	for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
		if (strcmp(name, flags[f].name) == 0) {
			*flags[f].flag = true;
			return true;
		}
	*bad = name;
	if (!value)
		return false;
	(*i)++;
	*bad = value;
	if (strcmp(name, "--login") == 0) {
		w->user = value;
		return true;
	}
	if (strcmp(name, "--prompt") == 0) {
		w->prompt = value;
		return value[0] && strlen(value) < PROMPT_LINE / 2 && !strpbrk(value, "\r\n");
	}
	if (strcmp(name, "--dir") == 0) {
		w->dir = value;
		return value[0] != '\0';
	}
	if (strcmp(name, "--env") == 0)
		return add_env(w, value);
	*bad = name;
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

/* The signal that arrived while a command ran. The first ends the command with ^C, the second ends
 * this process. */
static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &stop, NULL);
}

static int run_in(const struct guest_line *line, const struct exec_options *w, uint64_t end,
		  char **envp)
{
	struct session *session = line->session;
	struct error err = {0};
	int status;

	bool leaves = session_logged_in(session) && !w->stay;

	catch_signals();
	if (leaves)
		session_last(session);
	enum session_result result =
		session_exec(session, w->command, end, STDOUT_FILENO, &status, &err);

	/* The command may have ended the shell. */
	leaves = leaves && session_logged_in(session);
	if (!leaves && result == SESSION_DONE && (status >= 0 || w->stay))
		session_await_prompt(session, w->stay);
	if (leaves)
		guest_line_mark_logout(line);
	session_close(session, leaves);
	switch (result) {
	case SESSION_DONE: return status < 0 ? EXIT_CLEAN : status;
	case SESSION_TIMEOUT:
		if (stopped) {
			log_error("interrupted by signal %d: the command was ended by ^C",
				  (int)stopped);
			return STATUS_SIGNAL + stopped;
		}
		log_error("not done within %ld s: ended by ^C", w->timeout_s);
		log_line(LOG_ERROR, "  fix: ", TIMEOUT_FIX);
		return STATUS_TIMEOUT;
	case SESSION_GONE: (void)control_stream_ended(envp, &err); return cmd_fail(&err);
	default: return cmd_fail(&err);
	}
}

static int exec_serial(const struct settings *s, const struct exec_options *w, char **envp)
{
	struct error err = {0};
	uint64_t end = after(w->timeout_s);
	struct guest_line line;
	const struct guest_options how = {.user = w->user,
					  .interrupt = w->interrupt,
					  .going_down = w->poweroff,
					  .no_wait = w->no_wait,
					  .at_once = !w->poweroff,
					  .prompt = w->prompt,
					  .end_ns = end,
					  .stop = &stopped};

	if (!guest_line_open(s, &how, envp, &line, &err))
		return err.message[0] ? cmd_fail(&err) : (int)err.status;
	_cleanup_fd_ int lock = line.lock;

	if ((w->env_count > 0 || w->dir) && line.preset->shell != SHELL_SH) {
		session_close(line.session, session_logged_in(line.session));
		(void)error_set(&err, EXIT_BAD_SETTING,
				"docs/files.md says which guest can do what",
				"--env and --dir: the shell of this guest (VM_GUEST=%s) has no "
				"environment and no directories",
				line.preset->name);
		return cmd_fail(&err);
	}
	if (!w->poweroff)
		return run_in(&line, w, end, envp);
	bool taken = session_poweroff(line.session, line.preset->poweroff, &err) == SESSION_DONE;

	session_close(line.session, false);
	return taken ? EXIT_CLEAN : cmd_fail(&err);
}

/* Run the first of WORDS that the guest has, detached, so that the session ends before the guest
 * does and its status arrives. 127 if the guest has none of them. */
static bool poweroff_line(const char *const *words, char *out, size_t size)
{
	int n = snprintf(out, size, "PATH=$PATH:/usr/sbin:/sbin; ( trap '' HUP; ");
	int m = n;

	for (size_t i = 0; words[i] && m >= 0 && m < (int)size; i++)
		m += snprintf(out + m, size - (size_t)m, "%s%s", i ? " || " : "", words[i]);
	m += snprintf(out + m, size - (size_t)m, " ) >/dev/null 2>&1 </dev/null & ");
	for (size_t i = 0; words[i] && m < (int)size; i++)
		m += snprintf(out + m, size - (size_t)m, "%scommand -v %.*s >/dev/null",
			      i ? " || " : "", (int)strcspn(words[i], " "), words[i]);
	return m < (int)size;
}

/* ssh passes this line to the user's login shell, whichever that is. */
static bool ssh_line(const struct exec_options *w, const struct guest_preset *preset, char *out,
		     size_t size)
{
	char inner[SESSION_COMMAND_MAX + 1];

	if (w->poweroff && !poweroff_line(preset->poweroff, inner, sizeof inner))
		return false;
	if (!w->poweroff && !w->dir && w->env_count == 0)
		return snprintf(out, size, "%s", w->command) < (int)size;
	(void)snprintf(out, size, "exec sh -c");
	return cmd_quote(out, size, w->poweroff ? inner : w->command);
}

static int exec_ssh(const struct command *self, const struct settings *given,
		    const struct exec_options *w, char **envp)
{
	static struct settings as_user;
	static struct ssh ssh;
	static char line[5 * SESSION_COMMAND_MAX];
	int status;
	struct error err = {0};
	uint64_t end = after(w->timeout_s);
	const struct guest_preset *preset = NULL;

	as_user = *given;
	if (w->user)
		as_user.login_user = w->user;
	if (!guest_wait(given, w->poweroff || w->no_wait ? GUEST_NO_WAIT : GUEST_SSH, end, envp,
			&err) ||
	    !(preset = running_preset(given, envp, &err)))
		return cmd_fail(&err);
	if (!ssh_line(w, preset, line, sizeof line))
		return cmd_usage(self, "the command is too long", NULL);
	long left = guest_seconds_left(end);

	if (!ssh_prepare(&as_user, line, left > 0 && left < GUEST_SSH_S ? left : GUEST_SSH_S, &ssh,
			 &err))
		return cmd_fail(&err);
	status = guest_ssh_run(&ssh, left);
	if (w->poweroff)
		return status == 0 ? EXIT_CLEAN : EXIT_NOT_READY;
	if (status == GUEST_SSH_TIMEOUT) {
		log_error("not done within %ld s", w->timeout_s);
		log_line(LOG_ERROR, "  fix: ", TIMEOUT_FIX);
	}
	return status;
}

int cmd_exec(const struct command *self, int argc, char **argv, char **envp)
{
	static struct exec_options w = {.timeout_s = -1};
	const char *bad = NULL;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!option(&w, argc, argv, &i, &bad))
			return cmd_usage(
				self, "unknown option, or its value is missing or invalid:", bad);
	}
	if (w.poweroff ? i < argc : i == argc)
		return cmd_usage(
			self, w.poweroff ? "--poweroff takes no command" : "a command is missing",
			NULL);
	if (!w.poweroff && !join(w.command, sizeof w.command, argv + i, argc - i))
		return cmd_usage(self, "the command is too long", NULL);
	if (!w.poweroff && !surround(&w))
		return cmd_usage(self, "the command is too long with --env and --dir", NULL);
	const struct settings *s = control_settings(envp);

	return w.ssh ? exec_ssh(self, s, &w, envp) : exec_serial(s, &w, envp);
}
