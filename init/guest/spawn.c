/* spawn.c - QEMU's process: its descriptors, its identity, its environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

static bool make_pipe(struct ends *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*e = (struct ends){.ours = fds[0], .theirs = fds[1]};
	return fd_nonblock(fds[0], true);
}

static void add_fd(struct child *c, int from, int to)
{
	if (from >= 0)
		c->fds[c->fd_count++] = (struct child_fd){.from = from, .to = to};
}

static pid_t start_qemu(struct supervisor *v, const struct ends *qmp, const struct ends *serial,
			const struct ends *monitor, const struct ends *output, int user_qmp,
			struct error *err)
{
	struct plan *plan = v->plan;
	char tmpdir[4200];
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"HOME=/", tmpdir,
			NULL};
	struct child c = {.path = plan->args.argv[0],
			  .argv = plan->args.argv,
			  .envp = envp,
			  .identity = &plan->identity,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .oom_score_adj = QEMU_OOM_SCORE};

	(void)snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", plan->s.tmp_dir);
	add_fd(&c, output->theirs, STDOUT_FILENO);
	add_fd(&c, output->theirs, STDERR_FILENO);
	add_fd(&c, qmp->theirs, QEMU_FD_QMP);
	add_fd(&c, serial->theirs, QEMU_FD_SERIAL);
	add_fd(&c, monitor->theirs, QEMU_FD_MONITOR);
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
	char path[160];

	(void)snprintf(path, sizeof path, "%s/qmp.sock", v->plan->s.run_dir);
	return listen_unix(path, 0600, err);
}

bool supervisor_spawn(struct supervisor *v, struct error *err)
{
	struct ends qmp = {-1, -1};
	struct ends serial = {-1, -1};
	struct ends monitor = {-1, -1};
	struct ends output = {-1, -1};
	_cleanup_fd_ int user_qmp = open_user_qmp(v, err);
	if (user_qmp < 0)
		return false;
	bool ok =
		make_pair(&qmp) && make_pair(&serial) && make_pair(&monitor) && make_pipe(&output);

	if (!ok)
		(void)error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				"no descriptors for QEMU: %s", strerror(errno));
	v->spawned_ns = clock_now();
	pid_t pid = ok ? start_qemu(v, &qmp, &serial, &monitor, &output, user_qmp, err) : -1;

	fd_close(&qmp.theirs);
	fd_close(&serial.theirs);
	fd_close(&monitor.theirs);
	fd_close(&output.theirs);
	if (pid < 0) {
		fd_close(&qmp.ours);
		fd_close(&serial.ours);
		fd_close(&monitor.ours);
		fd_close(&output.ours);
		return false;
	}
	v->qemu = pid;
	v->qemu_ended = false;
	v->output = output.ours;
	v->tail_len = 0;
	v->qmp_armed = false;
	qmp_init(&v->qmp, qmp.ours, v->qmp.on_event, v->qmp.event_arg);
	(void)loop_add(v->epoll, qmp.ours, EPOLLIN, (struct loop_ref){.type = REF_QMP});
	(void)loop_add(v->epoll, output.ours, EPOLLIN, (struct loop_ref){.type = REF_OUTPUT});
	(void)relay_attach(v->relays[RELAY_SERIAL], serial.ours, serial.ours);
	(void)relay_attach(v->relays[RELAY_MONITOR], monitor.ours, monitor.ours);
	event("spawn", "\"pid\":%d", (int)pid);
	return true;
}
