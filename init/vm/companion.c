/* companion.c - see companion.h. */
#include "vm/companion.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "host/privileges.h"
#include "host/programs.h"
#include "qemu/confine.h"
#include "vm/cmd.h"

static const struct companion *const companions[] = {
	&companion_web,
	&companion_otel,
};
#define COUNT (sizeof companions / sizeof *companions)

/* The kernel kills companions before the guest when memory is short. */
#define OOM_SCORE_ADJ 500

static bool start(const struct companion *row, const struct settings *s, struct error *err)
{
	char path[4096];
	char *argv[] = {(char *)"vm", (char *)"companion", (char *)(uintptr_t)row->name, NULL};
	/* A new session: Ctrl-C on a terminal is for PID 1 alone. */
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = environ,
			  .fds = {{STDERR_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}},
			  .fd_count = 2,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .oom_score_adj = OOM_SCORE_ADJ};

	if (!program_vm(path, sizeof path))
		return error_set(err, EXIT_INTERNAL, "install both programs of one build",
				 "the program vm was not found");
	bool ok = (!row->prepare || row->prepare(s, &c, err)) && child_start(&c, NULL, err) > 0;

	for (size_t i = 2; i < c.fd_count; i++)
		(void)close(c.fds[i].from);
	return ok;
}

bool companions_start(const struct settings *s, struct error *err)
{
	for (size_t i = 0; i < COUNT; i++)
		if (companions[i]->wanted(s) && !start(companions[i], s, err))
			return false;
	return true;
}

int cmd_companion(const struct command *self, int argc, char **argv, char **envp)
{
	if (argc != 2)
		return cmd_usage(self, "a name is missing", NULL);
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(companions[i]->name, argv[1]) != 0)
			continue;
		const struct settings *s = control_settings(envp);

		privileges_reduce();
		confine_self(s);
		return companions[i]->run(s, envp);
	}
	return cmd_usage(self, "no such companion:", argv[1]);
}
