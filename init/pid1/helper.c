/* helper.c - see helper.h. */
#include "pid1/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

bool helper_start(struct supervisor *v, enum helper_id which, const char *name, struct child *c,
		  helper_done *done, struct error *err)
{
	struct helper *h = &v->helpers[which];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "", "%s: no pipe: %s", name, strerror(errno));
	_cleanup_fd_ int output = fds[0];
	_cleanup_fd_ int theirs = fds[1];

	c->fds[c->fd_count++] = (struct child_fd){.from = theirs, .to = STDOUT_FILENO};
	c->fds[c->fd_count++] = (struct child_fd){.from = theirs, .to = STDERR_FILENO};
	c->new_session = true;
	c->die_with_parent = true;
	if (!fd_nonblock(output, true))
		return error_set(err, EXIT_INTERNAL, "", "%s: %s", name, strerror(errno));
	pid_t pid = child_start(c, NULL, err);

	if (pid < 0)
		return false;
	*h = (struct helper){.pid = pid, .name = name, .done = done, .output = fd_take(&output)};
	(void)loop_add(v->epoll, h->output, EPOLLIN,
		       (struct loop_ref){.type = REF_HELPER, .index = (uint8_t)which});
	return true;
}

static void on_line(void *arg, const char *text)
{
	struct helper *h = arg;

	(void)snprintf(h->last, sizeof h->last, "%s", text);
	log_info("%s: %s", h->name, text);
}

/* Nothing more is read from it. */
static void end_output(struct supervisor *v, struct helper *h)
{
	line_end(&h->line, on_line, h);
	loop_remove(v->epoll, h->output);
	fd_close(&h->output);
}

void helper_output(struct supervisor *v, enum helper_id which)
{
	struct helper *h = &v->helpers[which];
	char buf[512];
	ssize_t got;

	while ((got = read(h->output, buf, sizeof buf)) > 0)
		line_feed(&h->line, buf, (size_t)got, on_line, h);
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		end_output(v, h);
}

bool helper_reaped(struct supervisor *v, pid_t pid, int status)
{
	for (int i = 0; i < HELPER_COUNT; i++) {
		struct helper *h = &v->helpers[i];

		if (h->pid != pid)
			continue;
		h->pid = 0;
		if (h->output >= 0)
			helper_output(v, (enum helper_id)i);
		/* Something it started may still hold the pipe: nobody waits for that. */
		if (h->output >= 0)
			end_output(v, h);
		if (h->done)
			h->done(v, status, h->last);
		return true;
	}
	return false;
}

void helper_kill(struct supervisor *v, enum helper_id which)
{
	struct helper *h = &v->helpers[which];

	h->done = NULL;
	if (h->pid > 0)
		(void)kill(-h->pid, SIGKILL);
	/* The next one may take its place before it is reaped. */
	if (h->output >= 0)
		helper_output(v, which);
	if (h->output >= 0)
		end_output(v, h);
}
