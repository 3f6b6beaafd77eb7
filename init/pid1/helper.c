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
#include "pid1/env.h"

void helpers_init(struct helpers *h, int epoll)
{
	*h = (struct helpers){.epoll = epoll};
	for (int i = 0; i < HELPER_COUNT; i++)
		h->list[i].output = -1;
}

pid_t helper_pid(const struct helpers *h, enum helper_id which)
{
	return h->list[which].pid;
}

bool helper_start(struct helpers *all, enum helper_id which, const char *name, struct child *c,
		  helper_done *done, void *arg, struct error *err)
{
	struct helper *h = &all->list[which];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "%s: no pipe: %s", name, strerror(errno));
	_cleanup_fd_ int output = fds[0];
	_cleanup_fd_ int theirs = fds[1];

	c->fds[c->fd_count++] = (struct child_fd){.from = theirs, .to = STDOUT_FILENO};
	c->fds[c->fd_count++] = (struct child_fd){.from = theirs, .to = STDERR_FILENO};
	c->new_session = true;
	c->die_with_parent = true;
	if (!fd_nonblock(output, true))
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "%s: %s", name, strerror(errno));
	pid_t pid = child_start(c, NULL, err);

	if (pid < 0)
		return false;
	*h = (struct helper){
		.pid = pid, .name = name, .done = done, .arg = arg, .output = fd_take(&output)};
	(void)loop_add(all->epoll, h->output, EPOLLIN,
		       (struct loop_ref){.type = REF_HELPER, .index = (uint8_t)which});
	return true;
}

bool helper_ask(struct helpers *all, enum helper_id which, const char *name, struct child *c,
		struct tail *answer, helper_done *done, void *arg, struct error *err)
{
	if (!helper_start(all, which, name, c, done, arg, err))
		return false;
	*answer = (struct tail){0};
	all->list[which].answer = answer;
	return true;
}

static void on_line(void *arg, const char *text)
{
	struct helper *h = arg;

	(void)snprintf(h->last, sizeof h->last, "%s", text);
	log_info("%s: %s", h->name, text);
}

/* Stop reading from the helper. */
static void end_output(const struct helpers *all, struct helper *h)
{
	line_end(&h->line, on_line, h);
	loop_remove(all->epoll, h->output);
	fd_close(&h->output);
}

static void take_output(const struct helpers *all, struct helper *h)
{
	char buf[512];
	ssize_t got;

	while ((got = read(h->output, buf, sizeof buf)) > 0)
		if (h->answer)
			tail_feed(h->answer, buf, (size_t)got);
		else
			line_feed(&h->line, buf, (size_t)got, on_line, h);
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		end_output(all, h);
}

void helper_output(struct helpers *all, enum helper_id which, int fd)
{
	if (fd == all->list[which].output)
		take_output(all, &all->list[which]);
}

bool helper_reaped(struct helpers *all, pid_t pid, int status)
{
	for (int i = 0; i < HELPER_COUNT; i++) {
		struct helper *h = &all->list[i];

		if (h->pid != pid)
			continue;
		h->pid = 0;
		if (h->output >= 0)
			take_output(all, h);
		/* A child of the helper may still hold the pipe; do not wait for its end. */
		if (h->output >= 0)
			end_output(all, h);
		if (h->done)
			h->done(h->arg, status, h->last);
		return true;
	}
	return false;
}

void helper_end(struct helpers *all, enum helper_id which)
{
	if (all->list[which].pid > 0)
		(void)kill(-all->list[which].pid, SIGKILL);
}

void helper_kill(struct helpers *all, enum helper_id which)
{
	struct helper *h = &all->list[which];

	h->done = NULL;
	helper_end(all, which);
	/* Its slot may be reused before it is reaped. */
	if (h->output >= 0)
		take_output(all, h);
	if (h->output >= 0)
		end_output(all, h);
}
