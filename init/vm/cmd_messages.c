/* cmd_messages.c - vm messages: every error and warning, with its exit status and its fix. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "vm/cmd.h"
#include "vm/messages.h"

static void print_text(const struct message *m)
{
	(void)fputs(m->level == MESSAGE_ERROR ? "error" : "warning", stdout);
	for (size_t i = 0; i < sizeof m->status / sizeof *m->status && m->status[i]; i++)
		(void)printf("%s %d", i == 0 ? ", status" : " or", (int)m->status[i]);
	(void)printf(": %s\n", m->text);
	if (m->fix[0])
		(void)printf("    fix: %s\n", m->fix);
}

static void print_json(const struct message *m, bool first)
{
	static char line[8192];
	char statuses[64] = "[";
	size_t n = 1;

	for (size_t i = 0; i < sizeof m->status / sizeof *m->status && m->status[i]; i++)
		n += (size_t)snprintf(statuses + n, sizeof statuses - n, "%s%d", i ? "," : "",
				      (int)m->status[i]);
	(void)snprintf(statuses + n, sizeof statuses - n, "]");
	(void)json_write(line, sizeof line,
			 JSON_LIST(J_TEXT("level", m->level == MESSAGE_ERROR ? "error" : "warning"),
				   J_RAW("statuses", statuses), J_TEXT("message", m->text),
				   J_TEXT("fix", m->fix), J_TEXT("file", m->file)));
	(void)printf("%s\n%s", first ? "" : ",", line);
}

/* The words of ARGV, joined by blanks. False if they are too long. */
static bool join(char **argv, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (; *argv; argv++) {
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "", *argv);
		if (n >= size)
			return false;
	}
	return true;
}

int cmd_messages(const struct command *self, int argc, char **argv, char **envp)
{
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	char pattern[4096];
	size_t found = 0;
	int best = 1;

	(void)envp;
	argv += json ? 2 : 1;
	if (*argv && strncmp(*argv, "--", 2) == 0)
		return cmd_usage(self, "unknown argument", *argv);
	if (!join(argv, pattern, sizeof pattern))
		return cmd_usage(self, "the pattern is too long", NULL);
	for (const struct message *m = messages; m->text; m++) {
		int fits = message_fits(m, pattern);

		best = fits > best ? fits : best;
	}
	if (json)
		(void)printf("[");
	for (const struct message *m = messages; m->text; m++) {
		if (message_fits(m, pattern) < best)
			continue;
		if (json)
			print_json(m, found == 0);
		else
			print_text(m);
		found++;
	}
	if (json)
		(void)printf("\n]\n");
	if (found > 0)
		return EXIT_CLEAN;
	log_error("no message contains '%s'", pattern);
	log_line(LOG_ERROR,
		 "  fix: ", "give a part of the message that has no names or numbers in it");
	return EXIT_NOT_READY;
}
