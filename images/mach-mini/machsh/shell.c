/* shell.c - login, prompt, and the parser of command lines.
 *
 * The syntax is a small part of sh's, with sh's meaning: words, '…', "…" and \, $? outside of '…',
 * # comments, and commands joined by ; && ||. A line that uses more of sh (a pipe, a redirection,
 * …) or leaves a quote open is refused whole, with status 2, before any of it is run. There is no
 * continuation prompt: after every line comes the prompt, with the status in $?.
 */
#include "machsh.h"

#define LINE_SIZE 4096
#define MAX_WORDS 64

int last_status;
static bool logged_in;

struct command {
	const char *name;
	command_fn *run;
	const char *arguments, *about;
};

static command_fn cmd_help, cmd_status, cmd_exit;

static const struct command commands[] = {
	{"help", cmd_help, "[COMMAND]", "this list"},
	{"uname", cmd_uname, "[-asnrvm]", "the kernel's version, or the parts of uname(1)"},
	{"version", cmd_version, "", "versions of this shell and of the kernel"},
	{"echo", cmd_echo, "[-n] [TEXT...]", "print TEXT; -n: without a line end"},
	{"uptime", cmd_uptime, "", "time since boot, and load"},
	{"date", cmd_date, "", "time of day"},
	{"mem", cmd_mem, "", "memory of the machine and of this task"},
	{"cpus", cmd_cpus, "", "processors"},
	{"sleep", cmd_sleep, "[SECONDS]", "wait (default: 1)"},
	{"spin", cmd_spin, "[SECONDS]", "keep the processor busy (default: 1)"},
	{"flood", cmd_flood, "[KILOBYTES]", "print numbered lines of 64 bytes (default: 1)"},
	{"bytes", cmd_bytes, "", "print all 256 byte values once"},
	{"noise", cmd_noise, "SECONDS|off", "print an unsolicited line every SECONDS"},
	{"true", cmd_true, "", "exit with status 0"},
	{"false", cmd_false, "[STATUS]", "exit with STATUS (default: 1)"},
	{"status", cmd_status, "", "print the last status and leave it unchanged"},
	{"exit", cmd_exit, "[STATUS]", "log out with STATUS (default: the last one)"},
	{"acpi", cmd_acpi, "[on|off]", "react to the power button, or ignore it"},
	{"halt", cmd_halt, "[-k]", "power off by ACPI; -k: the kernel's own halt"},
	{"poweroff", cmd_halt, "[-k]", "the same as halt"},
	{"reboot", cmd_reboot, "", "restart the machine"},
	{"fault", cmd_fault, "", "write to address 0, which ends this task"},
	{"panic", cmd_panic, "[debugger|kernel|task]", "crash the kernel"},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (str_eq(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_usage(const struct command *c)
{
	OUT(c->name, *c->arguments ? " " : "", c->arguments);
}

int usage_error(const char *const argv[])
{
	out("usage: ");
	print_usage(find_command(argv[0]));
	out_char('\n');
	return STATUS_USAGE;
}

static int not_found(const char *name)
{
	OUT(name, ": command not found; `help' lists the commands\n");
	return STATUS_NOT_FOUND;
}

/* --- commands of the shell itself --- */

static int cmd_help(int argc, const char *const argv[])
{
	const size_t column = 34;

	if (argc > 2)
		return usage_error(argv);
	if (argc == 2 && !find_command(argv[1]))
		return not_found(argv[1]);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];
		size_t used = 3 + str_len(c->name) + str_len(c->arguments);

		if (argc == 2 && !str_eq(c->name, argv[1]))
			continue;
		out("  ");
		print_usage(c);
		for (used += !!*c->arguments; used < column; used++)
			out_char(' ');
		OUT(c->about, "\n");
	}
	return 0;
}

static int cmd_status(int argc, const char *const argv[])
{
	if (argc > 1)
		return usage_error(argv);
	out_num((uint64_t)last_status);
	out_char('\n');
	return last_status;
}

static int cmd_exit(int argc, const char *const argv[])
{
	uint64_t status = (uint64_t)last_status;

	if (argc > 2 || (argc == 2 && !str_number(argv[1], &status)))
		return usage_error(argv);
	logged_in = false;
	return (int)(status & 255);
}

/* --- words --- */

/* The operator after a command. */
enum join { JOIN_END, JOIN_ALWAYS, JOIN_AND, JOIN_OR };

/* The words of one command, stored one after the other in `text` ($? can expand to more
 * characters). */
struct words {
	const char *argv[MAX_WORDS + 1];
	int argc;
	char text[2 * LINE_SIZE];
	size_t used;
	enum join join;
	const char *error; /* why the line is refused */
	char culprit[3];   /* the characters that it refers to */
};

static void add_char(struct words *w, char c)
{
	w->text[w->used++] = c;
}

static void add_status(struct words *w)
{
	int s = last_status;

	if (s >= 100)
		add_char(w, (char)('0' + s / 100));
	if (s >= 10)
		add_char(w, (char)('0' + s / 10 % 10));
	add_char(w, (char)('0' + s % 10));
}

/* Reads the quoted text at P, which follows the opening QUOTE; returns the rest of the line, or
 * NULL. */
static const char *quoted(struct words *w, const char *p, char quote)
{
	for (; *p != quote; p++) {
		if (*p == '\0') {
			w->error = "unterminated quote";
			w->culprit[0] = quote;
			return NULL;
		}
		if (quote == '"' && *p == '$' && p[1] == '?') {
			add_status(w);
			p++;
			continue;
		}
		if (quote == '"' && *p == '\\' &&
		    (p[1] == '"' || p[1] == '\\' || p[1] == '$' || p[1] == '`'))
			p++;
		add_char(w, *p);
	}
	return p + 1;
}

static bool is_one_of(char c, const char *set)
{
	while (*set && *set != c)
		set++;
	return c != '\0' && *set == c;
}

static bool ends_word(char c)
{
	return c == '\0' || is_one_of(c, " ;&|<>()`");
}

/* Reads the word at P; returns the rest of the line, or NULL. */
static const char *word(struct words *w, const char *p)
{
	if (w->argc == MAX_WORDS) {
		w->error = "too many words";
		return NULL;
	}
	w->argv[w->argc++] = w->text + w->used;
	while (!ends_word(*p)) {
		char c = *p++;

		if (c == '\'' || c == '"') {
			p = quoted(w, p, c);
			if (!p)
				return NULL;
		} else if (c == '$' && *p == '?') {
			add_status(w);
			p++;
		} else if (c == '\\' && *p == '\0') {
			w->error = "nothing to quote after";
			w->culprit[0] = c;
			return NULL;
		} else {
			add_char(w, c == '\\' ? *p++ : c);
		}
	}
	add_char(w, '\0');
	return p;
}

/* Reads the operator at P, after a command, into W->join; returns the rest of the line, or NULL. */
static const char *joint(struct words *w, const char *p)
{
	bool twice = p[0] != '\0' && p[1] == p[0];

	if (*p == '\0')
		w->join = JOIN_END;
	else if (*p == ';' && !twice)
		w->join = JOIN_ALWAYS;
	else if (*p == '&' && twice)
		w->join = JOIN_AND;
	else if (*p == '|' && twice)
		w->join = JOIN_OR;
	else
		w->error = "not supported here (quote it to print it)";
	if (!w->error && w->argc == 0 && w->join != JOIN_END)
		w->error = "no command before";
	if (w->error) {
		w->culprit[0] = p[0];
		w->culprit[1] = twice ? p[0] : '\0';
		return NULL;
	}
	return p + (*p != '\0') + (w->join >= JOIN_AND);
}

/* Reads the command at P and its operator; returns the rest of the line, or NULL. */
static const char *command(struct words *w, const char *p)
{
	w->argc = 0;
	w->used = 0;
	w->error = NULL;
	w->culprit[0] = w->culprit[1] = w->culprit[2] = '\0';
	for (;;) {
		while (*p == ' ')
			p++;
		if (*p == '#')
			while (*p)
				p++;
		if (ends_word(*p))
			break;
		p = word(w, p);
		if (!p)
			return NULL;
	}
	w->argv[w->argc] = NULL;
	return joint(w, p);
}

/* Checks the syntax of a line; prints the first error. */
static bool line_is_good(struct words *w, const char *line)
{
	enum join before = JOIN_END;

	do {
		line = command(w, line);
		if (line && w->argc == 0 && before >= JOIN_AND) {
			w->error = "no command after";
			w->culprit[0] = w->culprit[1] = before == JOIN_AND ? '&' : '|';
			line = NULL;
		}
		before = w->join;
	} while (line && w->join != JOIN_END);
	if (line)
		return true;
	OUT("machsh: ", w->error, *w->culprit ? ": " : "", w->culprit, "\n");
	return false;
}

static int run_command(const struct words *w)
{
	const struct command *c;

	if (w->argc == 0)
		return last_status;
	c = find_command(w->argv[0]);
	return c ? c->run(w->argc, w->argv) : not_found(w->argv[0]);
}

/* Runs a line; ^C and the end of the session end all of it. */
static void run_line(const char *line)
{
	static struct words w;
	enum join before = JOIN_ALWAYS;

	if (!line_is_good(&w, line)) {
		last_status = STATUS_USAGE;
		return;
	}
	do {
		line = command(&w, line);
		if (before == JOIN_ALWAYS || (before == JOIN_AND) == (last_status == 0))
			last_status = run_command(&w);
		before = w.join;
	} while (logged_in && last_status != STATUS_BREAK && w.join != JOIN_END);
}

void shell_session(void)
{
	static char line[LINE_SIZE];
	int n;

	do {
		out("\nmachsh login: ");
		n = input_line(line, sizeof line);
	} while (n <= 0);
	OUT("Welcome, ", line, ".  `help' lists the commands.\n");
	logged_in = true;
	while (logged_in) {
		out("machsh# ");
		n = input_line(line, sizeof line);
		if (n == LINE_EOF)
			logged_in = false;
		else if (n == LINE_BREAK)
			last_status = STATUS_BREAK;
		else if (n == LINE_TOO_LONG) {
			out("machsh: line longer than 4095 bytes, not run\n");
			last_status = STATUS_USAGE;
		} else
			run_line(line);
	}
	out("logout\n");
}
