/* fetch.c - see fetch.h.
 *
 * Two programs run one after the other: make-keys as our own user, because ssh-keygen needs a user
 * with a name, then fetch-image. Each runs in its own session, so that a stop reaches all of its
 * processes.
 */
#include "vm/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json_write.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/timers.h"
#include "console/log_dir.h"
#include "host/child.h"
#include "host/disk.h"
#include "host/listen.h"
#include "plan/plan.h"
#include "proto/control.h"
#include "qemu/args.h"

#define TOOLS	"/usr/lib/vm/"
#define STOP_NS UINT64_C(5000000000) /* from SIGTERM to SIGKILL */

/* loop_ref.type */
enum { REF_SIGNALS = LOOP_SIGNALS, REF_TIMERS = LOOP_TIMERS, REF_CONTROLS, REF_SAID };

struct fetch {
	struct settings s;
	char dir[4096]; /* destination directory of the image */
	const char *name;
	struct identity owner;
	int epoll, signals, said;
	struct timers timers;
	struct control control;
	pid_t pid;
	bool ended, stopped;
	int status; /* as from waitpid(2) */
	struct line line;
	char last[sizeof(struct line)]; /* the last line, which requests are answered with */
};

/* ---- whether to fetch, and the destination --------------------------------------------------- */

/* Is there no image where the start would look for one? F->dir and F->name are its destination. */
static bool is_missing(struct fetch *f)
{
	static struct errors errs;
	static char path[4096];
	const char *slash;
	bool embedded;

	(void)snprintf(f->dir, sizeof f->dir, "%s", f->s.image_dir);
	if (!f->s.drive) {
		/* Without an image and a built-in guest this is the only error. */
		bool found = disk_find(&f->s, path, &embedded, &errs);

		return found ? embedded : errors_status(&errs) == EXIT_NO_IMAGE;
	}
	if (access(f->s.drive, F_OK) == 0)
		return false;
	slash = strrchr(f->s.drive, '/');
	(void)snprintf(f->dir, sizeof f->dir, "%.*s",
		       (int)(slash - f->s.drive) + (slash == f->s.drive), f->s.drive);
	f->name = slash + 1;
	return true;
}

/* Files in the directory get its owner. Downloaded data is not parsed as root unless root owns the
 * directory. */
static bool choose_owner(struct fetch *f, struct error *err)
{
	struct stat st;

	if (stat(f->dir, &st) != 0)
		return error_set(err, EXIT_NO_IMAGE, "mount images/ there", "VM_FETCH=1: %s: %s",
				 f->dir, strerror(errno));
	f->owner = (struct identity){
		.uid = st.st_uid, .gid = st.st_gid, .change = geteuid() == 0 && st.st_uid != 0};
	return true;
}

/* ---- the programs -------------------------------------------------------------------------- */

static bool keys_argv(const struct fetch *f, struct args *a)
{
	args_add(a, TOOLS "make-keys");
	args_add(a, "%s/ssh", f->dir);
	args_add(a, "%ld:%ld", (long)f->owner.uid, (long)f->owner.gid);
	return !a->full;
}

static bool fetch_argv(const struct fetch *f, struct args *a)
{
	const struct settings *s = &f->s;

	args_add(a, TOOLS "fetch-image");
	args_option(a, "--dir", "%s", f->dir);
	args_option(a, "--arch", "%s", s->arch == ARCH_I386 ? "i386" : "amd64");
	if (f->name)
		args_option(a, "--name", "%s", f->name);
	if (s->fetch_sha512)
		args_option(a, "--sha512", "%s", s->fetch_sha512);
	args_add(a, "%s", s->fetch_source);
	return (!s->fetch_options || args_split(a, s->fetch_options)) && !a->full;
}

static bool start(struct fetch *f, bool (*argv)(const struct fetch *, struct args *),
		  const struct identity *identity, char *const envp[], struct error *err)
{
	static struct args args;
	int fds[2];

	memset(&args, 0, sizeof args);
	if (!argv(f, &args))
		return error_set(err, EXIT_BAD_SETTING, "close the quote, or shorten it",
				 "VM_FETCH_OPTIONS=%.300s: an open quote, or too long",
				 f->s.fetch_options ? f->s.fetch_options : "");
	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "no pipe: %s", strerror(errno));
	f->said = fds[0];
	_cleanup_fd_ int theirs = fds[1];
	struct child c = {.path = args.argv[0],
			  .argv = args.argv,
			  .envp = envp,
			  .fds = {{theirs, STDOUT_FILENO}, {theirs, STDERR_FILENO}},
			  .fd_count = 2,
			  .identity = identity,
			  .new_session = true,
			  .die_with_parent = true};

	f->ended = false;
	f->pid = child_start(&c, NULL, err);
	return f->pid > 0 && fd_nonblock(f->said, true) &&
	       loop_add(f->epoll, f->said, EPOLLIN, (struct loop_ref){.type = REF_SAID});
}

static void on_line(void *arg, const char *text)
{
	static const char prefix[] = "fetch-image: ";
	struct fetch *f = arg;

	if (strncmp(text, prefix, sizeof prefix - 1) == 0)
		text += sizeof prefix - 1;
	(void)snprintf(f->last, sizeof f->last, "%s", text);
	log_info("%s", text);
}

static void read_said(struct fetch *f)
{
	char buf[1024];
	ssize_t n;

	while ((n = read(f->said, buf, sizeof buf)) > 0)
		line_feed(&f->line, buf, (size_t)n, on_line, f);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	line_end(&f->line, on_line, f);
	loop_remove(f->epoll, f->said);
	fd_close(&f->said);
}

static void stop(struct fetch *f)
{
	if (f->stopped)
		return;
	f->stopped = true;
	log_info("stopped while fetching: received data is kept, and the next start continues");
	(void)kill(-f->pid, SIGTERM);
	timers_set(&f->timers, 0, clock_now() + STOP_NS);
}

static void on_signals(struct fetch *f)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(f->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo != SIGCHLD)
			stop(f);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == f->pid) {
				f->ended = true;
				f->status = status;
			}
	}
}

/* ---- requests on the control socket -------------------------------------------------------- */

/* `vm wait` is answered at the end; the client then asks the guest. */
static void on_request(struct control *c, int slot, char *request, void *arg)
{
	struct fetch *f = arg;
	char text[6 * sizeof f->last + 80];
	bool fine = strncmp(request, "status", 6) == 0 || strncmp(request, "stop", 4) == 0;

	if (strncmp(request, "wait", 4) == 0 || strncmp(request, "shell open wait", 15) == 0 ||
	    strncmp(request, "shell await", 11) == 0) {
		(void)control_wait(c, slot, 1);
		return;
	}
	if (strcmp(request, "status --json") == 0)
		(void)json_line(text, sizeof text,
				JSON_LIST(J_TEXT("state", "fetching"), J_BOOL("ready", false),
					  J_TEXT("why", f->last)));
	else
		(void)snprintf(text, sizeof text, "no image yet: %s\n", f->last);
	if (strncmp(request, "stop", 4) == 0)
		stop(f);
	control_answer(c, slot, fine ? EXIT_CLEAN : EXIT_NOT_READY, text);
}

static void send_on(struct fetch *f)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (f->control.clients[i].fd >= 0 && f->control.clients[i].waits_for)
			control_answer(&f->control, i, EXIT_ASK_AGAIN, "");
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Run until the program has ended. */
static void run_loop(struct fetch *f)
{
	struct epoll_event events[8];

	while (!f->ended) {
		uint64_t stood;
		int n = timers_wait(&f->timers, f->epoll, events, 8, &stood);

		for (int i = 0; i < n; i++) {
			struct loop_ref ref = loop_ref_of(events[i].data.u64);

			switch (ref.type) {
			case REF_SIGNALS: on_signals(f); break;
			case REF_TIMERS:
				if (timers_due(&f->timers, clock_now()) >= 0)
					(void)kill(-f->pid, SIGKILL);
				break;
			case REF_CONTROLS: control_event(&f->control, ref, events[i].events); break;
			case REF_SAID:
				if (ref.fd == f->said)
					read_said(f);
				break;
			}
		}
	}
	if (f->said >= 0) {
		read_said(f);
		fd_close(&f->said);
	}
}

static bool set_up(struct fetch *f, struct error *err)
{
	char path[RUN_PATH_MAX];
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGCHLD);
	f->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (!timers_loop(&f->timers, f->signals, &f->epoll, err) || !files_make_run_dir(&f->s, err))
		return false;
	(void)run_path(&f->s, "control.sock", path);
	int control = listen_unix(path, 0600, err);

	return control >= 0 &&
	       control_init(&f->control, f->epoll, control, REF_CONTROLS, on_request, f);
}

/* The supervisor creates its own loop, signals and control socket. */
static void tear_down(struct fetch *f)
{
	char path[RUN_PATH_MAX];

	send_on(f);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fd_close(&f->control.clients[i].fd);
	fd_close(&f->control.listener);
	(void)run_path(&f->s, "control.sock", path);
	(void)unlink(path);
	fd_close(&f->timers.fd);
	fd_close(&f->signals);
	fd_close(&f->epoll);
}

/* Run both programs. False with ERR if one cannot be started; otherwise F says how it ended. */
static bool run_programs(struct fetch *f, char *const envp[], struct error *err)
{
	if (!start(f, keys_argv, NULL, envp, err))
		return false;
	run_loop(f);
	if (f->stopped || f->status != 0)
		return true;
	if (!start(f, fetch_argv, &f->owner, envp, err))
		return false;
	run_loop(f);
	return true;
}

bool fetch_image(char *const envp[], int *status)
{
	static struct fetch f;
	static struct errors ignored; /* plan_make() reports them */
	struct error err = {0};

	if (!settings_parse(envp, &f.s, &ignored) || !f.s.fetch || !is_missing(&f))
		return true;
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (plan_in_container_layer(f.dir))
		log_warning("VM_FETCH=1: the image and its ssh key are stored in this container "
			    "and removed with it: mount the directory (-v \"$PWD/images:%s\")",
			    f.dir);
	f.said = -1;
	(void)snprintf(f.last, sizeof f.last, "begins to fetch %s", f.s.fetch_source);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		f.control.clients[i].fd = -1;
	if (!choose_owner(&f, &err) || !set_up(&f, &err) || !run_programs(&f, envp, &err)) {
		error_report(&err);
		*status = err.status;
		return false;
	}
	tear_down(&f);
	if (f.stopped || WIFSIGNALED(f.status) || WEXITSTATUS(f.status) != 0) {
		*status = f.stopped		  ? EXIT_CLEAN
			  : WIFSIGNALED(f.status) ? EXIT_INTERNAL
						  : WEXITSTATUS(f.status);
		log_info("exit status %d", *status);
		return false;
	}
	return true;
}
