/* mcp_call.c - a tool call is a child: this program, with a command (mcp.h).
 *
 * The child has its own process group, so that a cancellation reaches its descendants too.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "host/child.h"
#include "vm/cmd.h"
#include "vm/mcp.h"

/* vm exec ends the guest's command with ^C and waits for the prompt, which takes a few seconds. */
#define KILL_NS UINT64_C(15000000000)

/* ---- arguments ------------------------------------------------------------------------------- */

void mcp_word(struct mcp_call *c, const char *text)
{
	if (c->argc == MCP_ARGV_MAX)
		c->too_long = true;
	else
		c->argv[c->argc++] = (char *)(uintptr_t)text;
}

void mcp_word_copy(struct mcp_call *c, const char *text, size_t n)
{
	if (n + 1 > sizeof c->words - c->words_used) {
		c->too_long = true;
		return;
	}
	char *copy = c->words + c->words_used;

	memcpy(copy, text, n);
	copy[n] = '\0';
	c->words_used += n + 1;
	mcp_word(c, copy);
}

bool mcp_call_file(struct mcp_call *c, const char *name, char **envp, struct error *err)
{
	const struct settings *s = control_settings(envp);
	const char *const dirs[] = {s->tmp_dir, "/tmp", s->run_dir};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		if (!dirs[i])
			continue;
		(void)snprintf(c->dir, sizeof c->dir, "%s/vm-mcp.XXXXXX", dirs[i]);
		if (mkdtemp(c->dir)) {
			(void)snprintf(c->file, sizeof c->file, "%s/%.255s", c->dir, name);
			return true;
		}
	}
	c->dir[0] = '\0';
	return error_set(err, EXIT_NO_PERMISSION, "set VM_TMP_DIR to a directory with room",
			 "no directory for a temporary file: %s", strerror(errno));
}

/* ---- the child ----------------------------------------------------------------------------- */

/* A pipe whose non-blocking reading end goes to FD. Returns the writing end, -1 on failure. */
static int open_pipe(struct mcp_tail *t)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	(void)fd_nonblock(fds[0], true);
	t->fd = fds[0];
	return fds[1];
}

bool mcp_call_start(struct mcp_call *c, char **envp, struct error *err)
{
	_cleanup_fd_ int out = open_pipe(&c->out);
	_cleanup_fd_ int said = open_pipe(&c->err);

	c->argv[c->argc] = NULL;
	if (c->too_long)
		return error_set(err, EXIT_BAD_USAGE, "shorten them",
				 "the arguments are too long, or too many");
	if (out < 0 || said < 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "no pipe for a child: %s", strerror(errno));
	struct child child = {.path = "/proc/self/exe",
			      .argv = c->argv,
			      .envp = envp,
			      .fds = {{out, STDOUT_FILENO}, {said, STDERR_FILENO}},
			      .fd_count = 2,
			      .new_group = true,
			      .die_with_parent = true};

	c->started_ns = c->told_ns = clock_now();
	c->pid = child_start(&child, NULL, err);
	return c->pid > 0;
}

static void read_tail(struct mcp_tail *t)
{
	if (t->fd < 0)
		return;
	if (!t->bytes)
		t->bytes = malloc(2 * MCP_OUTPUT + 1);
	for (;;) {
		char lost[4096];

		if (t->bytes && t->len == 2 * MCP_OUTPUT) {
			memmove(t->bytes, t->bytes + MCP_OUTPUT, MCP_OUTPUT);
			t->len = MCP_OUTPUT;
			t->cut = true;
		}
		ssize_t n = t->bytes ? read(t->fd, t->bytes + t->len, 2 * MCP_OUTPUT - t->len)
				     : read(t->fd, lost, sizeof lost);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			fd_close(&t->fd);
			break;
		}
		if (t->bytes)
			t->len += (size_t)n;
	}
	if (t->bytes)
		t->bytes[t->len] = '\0';
}

void mcp_call_read(struct mcp_call *c)
{
	read_tail(&c->out);
	read_tail(&c->err);
}

/* Keep the last MCP_OUTPUT bytes. */
static void trim(struct mcp_tail *t)
{
	if (t->len <= MCP_OUTPUT)
		return;
	memmove(t->bytes, t->bytes + t->len - MCP_OUTPUT, MCP_OUTPUT);
	t->len = MCP_OUTPUT;
	t->bytes[t->len] = '\0';
	t->cut = true;
}

bool mcp_call_ended(struct mcp_call *c, int *status)
{
	int how;

	if (c->kill_ns && clock_now() >= c->kill_ns)
		(void)kill(-c->pid, SIGKILL);
	if (waitpid(c->pid, &how, WNOHANG) != c->pid)
		return false;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
	/* The pipes contain the rest of its output. */
	mcp_call_read(c);
	trim(&c->out);
	trim(&c->err);
	/* Kill processes that it left behind. */
	(void)kill(-c->pid, SIGKILL);
	c->pid = 0;
	return true;
}

void mcp_call_cancel(struct mcp_call *c)
{
	c->cancelled = true;
	if (c->pid <= 0 || c->kill_ns)
		return;
	c->kill_ns = clock_now() + KILL_NS;
	(void)kill(-c->pid, SIGTERM);
}

void mcp_call_kill(struct mcp_call *c)
{
	int how;

	if (c->pid <= 0)
		return;
	(void)kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &how, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	(void)remove(path);
	return 0;
}

void mcp_call_free(struct mcp_call *c)
{
	if (c->dir[0])
		(void)nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	fd_close(&c->out.fd);
	fd_close(&c->err.fd);
	fd_close(&c->hold);
	free(c->out.bytes);
	free(c->err.bytes);
	c->tool = NULL;
}
