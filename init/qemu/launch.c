/* launch.c - see launch.h: QEMU's descriptors, its identity, its environment. */
#include "qemu/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "host/child.h"
#include "host/guest_ram.h"
#include "qemu/confine.h"

/* The kernel's out-of-memory killer should take QEMU and not PID 1, which can report what
 * happened. */
#define QEMU_OOM_SCORE 500

static bool make_pair(struct channel *w)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	*w = (struct channel){.ours = fds[0], .theirs = fds[1]};
	return fd_nonblock(fds[0], true);
}

/* Make a pipe in one direction; our end is non-blocking. */
static bool make_pipe(struct channel *w, bool we_read)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*w = (struct channel){.ours = fds[we_read ? 0 : 1], .theirs = fds[we_read ? 1 : 0]};
	return fd_nonblock(w->ours, true);
}

bool channels_make(struct channels *w, bool attended, struct error *err)
{
	const struct channel none = {-1, -1};

	*w = (struct channels){none, none, none, none, none, none, none, none};
	if (make_pair(&w->qmp) &&
	    (!attended || (make_pair(&w->monitor) && make_pipe(&w->log, true))) &&
	    make_pipe(&w->serial_in, false) && make_pipe(&w->serial_out, true) &&
	    make_pipe(&w->output, true))
		return true;
	return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
			 "no descriptors for QEMU: %s", strerror(errno));
}

void channels_close(struct channels *w, bool ours)
{
	struct channel *all[] = {&w->qmp,    &w->monitor, &w->serial_in, &w->serial_out,
				 &w->output, &w->log,	  &w->user_qmp,	 &w->gdb};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		fd_close(ours ? &all[i]->ours : &all[i]->theirs);
}

static void add_fd(struct child *c, int from, int to)
{
	if (from >= 0)
		c->fds[c->fd_count++] = (struct child_fd){.from = from, .to = to};
}

/* Append to ENVP what QEMU needs of our environment: TZ for QEMU_RTC=localtime, and the display of
 * VM_DISPLAY. */
static void inherit(const struct settings *s, char **envp)
{
	static const char *const names[] = {"TZ=", "DISPLAY=", "XAUTHORITY="};

	/* Without an address libdbus runs dbus-launch, for which the sandbox would kill QEMU. */
	if (s->display)
		*envp++ = (char *)"DBUS_SESSION_BUS_ADDRESS=disabled:";
	for (size_t i = 0; i < (s->display ? 3 : 1); i++)
		for (char **e = environ; *e; e++)
			if (strncmp(*e, names[i], strlen(names[i])) == 0) {
				*envp++ = *e;
				break;
			}
}

pid_t qemu_start(struct plan *plan, const struct channels *w, struct error *err)
{
	char tmpdir[4200];
	char *envp[8] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"HOME=/", tmpdir};
	struct child c = {.path = plan->args.argv[0],
			  .argv = plan->args.argv,
			  .envp = envp,
			  .identity = &plan->identity,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .oom_score_adj = QEMU_OOM_SCORE};

	/* A previous QEMU may have written there. */
	if (plan->ram.where == RAM_SHARED && !guest_ram_clear(plan->ram.fd)) {
		(void)error_set(err, EXIT_INTERNAL,
				"lower QEMU_RAM, or raise the container's memory limit",
				"the guest's memory: %s", strerror(errno));
		return -1;
	}
	/* QEMU opens it by name, as its own user. */
	if (w->log.theirs >= 0 && !identity_chown(&plan->identity, w->log.theirs))
		(void)fchmod(w->log.theirs, 0666);
	inherit(&plan->s, envp + 3);
	(void)snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", plan->s.tmp_dir);
	add_fd(&c, w->serial_in.theirs, STDIN_FILENO);
	add_fd(&c, w->serial_out.theirs, STDOUT_FILENO);
	add_fd(&c, w->output.theirs, STDERR_FILENO);
	add_fd(&c, w->qmp.theirs, QEMU_FD_QMP);
	add_fd(&c, w->log.theirs, QEMU_FD_LOG);
	add_fd(&c, w->monitor.theirs, QEMU_FD_MONITOR);
	add_fd(&c, w->user_qmp.theirs, QEMU_FD_USER_QMP);
	add_fd(&c, w->gdb.theirs, QEMU_FD_GDB);
	add_fd(&c, plan->net_fd, QEMU_FD_NET);
	add_fd(&c, plan->cdrom_fd, QEMU_FD_CDROM);
	add_fd(&c, plan->cdrom2_fd, QEMU_FD_CDROM2);
	add_fd(&c, plan->share_fd, QEMU_FD_SHARE);
	add_fd(&c, plan->kvm_fd, QEMU_FD_KVM);
	add_fd(&c, plan->trace_fd, QEMU_FD_TRACE);
	add_fd(&c, plan->ram.fd, QEMU_FD_RAM);
	for (int i = 0; i < 2; i++)
		add_fd(&c, plan->firmware.fds[i], QEMU_FD_FIRMWARE + i);
	for (int i = 0; i < plan->disk.count; i++)
		add_fd(&c, plan->disk.layers[i].fd, QEMU_FD_DISK + i);
	for (int n = 0; n < DISKS_MORE; n++)
		for (int i = 0; i < plan->more[n].count; i++)
			add_fd(&c, plan->more[n].layers[i].fd, QEMU_FD_MORE + 8 * n + i);
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		add_fd(&c, plan->kernel.fds[i], QEMU_FD_KERNEL + i);
	_cleanup_fd_ int ruleset = confine_qemu(plan);
	bool off = false;

	if (ruleset >= 0)
		child_landlock(&c, ruleset, QEMU_FD_LANDLOCK, plan->landlock_abi, &off);
	pid_t pid = child_start(&c, NULL, err);

	if (off) {
		plan->landlock_abi = 0;
		(void)snprintf(plan->landlock, sizeof plan->landlock,
			       "off: QEMU does not start under it (a script, or a file system such "
			       "as 9p)");
	}
	return pid;
}
