/* qemu_process.c - see qemu_process.h. */
#include "pid1/qemu_process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/listen.h"
#include "pid1/env.h"

void qemu_process_init(struct qemu_process *p, const struct env *env)
{
	*p = (struct qemu_process){.env = env, .output = -1};
}

/* ---- the start --------------------------------------------------------------------------- */

static bool open_listeners(const struct env *env, struct channels *w, struct error *err)
{
	const struct settings *s = env_settings(env);
	char path[RUN_PATH_MAX];

	/* A group that is named may use it: VM_RUN_DIR can be a directory of the host's. */
	w->user_qmp.theirs = listen_unix(run_path(s, "qmp.sock", path), s->gid ? 0660 : 0600, err);
	if (w->user_qmp.theirs >= 0 && s->gid && chown(path, (uid_t)-1, (gid_t)s->gid) != 0)
		log_warning("%s: VM_GID=%ld cannot be its group: %s", path, s->gid,
			    strerror(errno));
	if (w->user_qmp.theirs >= 0 && s->gdb)
		w->gdb.theirs = listen_unix(run_path(s, "gdb.sock", path), 0600, err);
	return w->user_qmp.theirs >= 0 && (!s->gdb || w->gdb.theirs >= 0);
}

pid_t qemu_process_start(struct qemu_process *p, struct channels *w, struct error *err)
{
	const struct env *env = p->env;
	bool ok = channels_make(w, true, err) && open_listeners(env, w, err);
	pid_t pid = ok ? qemu_start(env->plan, w, err) : -1;

	channels_close(w, false);
	if (pid < 0) {
		channels_close(w, true);
		return -1;
	}
	p->output = w->output.ours;
	p->tail = (struct tail){0};
	(void)loop_add(env->epoll, p->output, EPOLLIN, (struct loop_ref){.type = REF_OUTPUT});
	return pid;
}

/* ---- its output -------------------------------------------------------------------------- */

static void on_line(void *arg, const char *text)
{
	(void)arg;
	log_output("qemu", text);
}

static void take_output(struct qemu_process *p)
{
	char buf[1024];
	ssize_t got;

	while ((got = read(p->output, buf, sizeof buf)) > 0) {
		line_feed(&p->line, buf, (size_t)got, on_line, NULL);
		tail_feed(&p->tail, buf, (size_t)got);
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		line_end(&p->line, on_line, NULL);
		loop_remove(p->env->epoll, p->output);
		fd_close(&p->output);
	}
}

void qemu_process_output(struct qemu_process *p, int fd)
{
	if (fd == p->output)
		take_output(p);
}

void qemu_process_drain(struct qemu_process *p)
{
	if (p->output >= 0)
		take_output(p);
	line_end(&p->line, on_line, NULL);
	fd_close(&p->output);
}

const char *qemu_process_words(const struct qemu_process *p, char *buf, size_t size)
{
	size_t len;
	const char *line = tail_line(&p->tail, &len);

	(void)snprintf(buf, size, "%.*s", (int)len, line);
	return buf;
}
