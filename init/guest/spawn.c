/* spawn.c - QEMU's process: its descriptors, its identity, its environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "guest/supervisor.h"
#include "host/child.h"
#include "host/listen.h"

/* The kernel's out-of-memory killer takes QEMU rather than PID 1, which then can say what
 * happened. */
#define QEMU_OOM_SCORE 500

struct ends {
	int ours, theirs;
};

static bool make_pair(struct ends *e)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	*e = (struct ends){.ours = fds[0], .theirs = fds[1]};
	return fd_nonblock(fds[0], true);
}

/* A pipe in one direction; our end does not block. */
static bool make_pipe(struct ends *e, bool we_read)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*e = (struct ends){.ours = fds[we_read ? 0 : 1], .theirs = fds[we_read ? 1 : 0]};
	return fd_nonblock(e->ours, true);
}

/* What QEMU and we talk over. The serial line is two pipes, on QEMU's standard input and output: it
 * writes every byte of the guest's by itself, and a pipe merges them, where a socket makes a buffer
 * of each and is full after a few hundred. */
struct wires {
	struct ends qmp, monitor, serial_in, serial_out, output;
};

static const struct ends no_ends = {-1, -1};

static bool wires_make(struct wires *w)
{
	*w = (struct wires){no_ends, no_ends, no_ends, no_ends, no_ends};
	return make_pair(&w->qmp) && make_pair(&w->monitor) && make_pipe(&w->serial_in, false) &&
	       make_pipe(&w->serial_out, true) && make_pipe(&w->output, true);
}

static void wires_close(struct wires *w, bool ours)
{
	struct ends *all[] = {&w->qmp, &w->monitor, &w->serial_in, &w->serial_out, &w->output};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		fd_close(ours ? &all[i]->ours : &all[i]->theirs);
}

static void add_fd(struct child *c, int from, int to)
{
	if (from >= 0)
		c->fds[c->fd_count++] = (struct child_fd){.from = from, .to = to};
}

static pid_t start_qemu(struct supervisor *v, const struct wires *w, int user_qmp,
			struct error *err)
{
	struct plan *plan = v->plan;
	char tmpdir[4200];
	const char *zone = getenv("TZ"); /* for QEMU_RTC=localtime */
	char tz[256];
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"HOME=/", tmpdir,
			zone ? tz : NULL, NULL};
	struct child c = {.path = plan->args.argv[0],
			  .argv = plan->args.argv,
			  .envp = envp,
			  .identity = &plan->identity,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .oom_score_adj = QEMU_OOM_SCORE};

	(void)snprintf(tz, sizeof tz, "TZ=%s", zone ? zone : "");
	(void)snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", plan->s.tmp_dir);
	add_fd(&c, w->serial_in.theirs, STDIN_FILENO);
	add_fd(&c, w->serial_out.theirs, STDOUT_FILENO);
	add_fd(&c, w->output.theirs, STDERR_FILENO);
	add_fd(&c, w->qmp.theirs, QEMU_FD_QMP);
	add_fd(&c, w->monitor.theirs, QEMU_FD_MONITOR);
	add_fd(&c, user_qmp, QEMU_FD_USER_QMP);
	add_fd(&c, plan->cdrom_fd, QEMU_FD_CDROM);
	add_fd(&c, plan->kvm_fd, QEMU_FD_KVM);
	for (int i = 0; i < plan->disk.count; i++)
		add_fd(&c, plan->disk.layers[i].fd, QEMU_FD_DISK + i);
	return child_start(&c, NULL, err);
}

/* The socket of the user's own QMP. QEMU unlinks it when it ends, so each QEMU gets a new one. */
static int open_user_qmp(const struct supervisor *v, struct error *err)
{
	char path[RUN_PATH_MAX];

	(void)run_path(&v->plan->s, "qmp.sock", path);
	return listen_unix(path, 0600, err);
}

bool supervisor_spawn(struct supervisor *v, struct error *err)
{
	struct wires w;
	struct relay_stats stats;
	_cleanup_fd_ int user_qmp = open_user_qmp(v, err);

	if (user_qmp < 0)
		return false;
	bool ok = wires_make(&w);

	if (!ok)
		(void)error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				"no descriptors for QEMU: %s", strerror(errno));
	v->spawned_ns = clock_now();
	proof_log_start(v);
	relay_stats(v->relays[RELAY_SERIAL], &stats);
	v->life.console_start = stats.bytes;
	pid_t pid = ok ? start_qemu(v, &w, user_qmp, err) : -1;

	wires_close(&w, false);
	if (pid < 0) {
		wires_close(&w, true);
		return false;
	}
	v->qemu = pid;
	v->qemu_ended = false;
	v->output = w.output.ours;
	v->tail_len = 0;
	v->qmp_armed = false;
	qmp_init(&v->qmp, w.qmp.ours, v->qmp.on_event, v->qmp.event_arg);
	(void)loop_add(v->epoll, w.qmp.ours, EPOLLIN, (struct loop_ref){.type = REF_QMP});
	(void)loop_add(v->epoll, w.output.ours, EPOLLIN, (struct loop_ref){.type = REF_OUTPUT});
	(void)relay_attach(v->relays[RELAY_SERIAL], w.serial_out.ours, w.serial_in.ours);
	(void)relay_attach(v->relays[RELAY_MONITOR], w.monitor.ours, w.monitor.ours);
	failure_await_greeting(v);
	event("spawn", "\"pid\":%d", (int)pid);
	return true;
}
