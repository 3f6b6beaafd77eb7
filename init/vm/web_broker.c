/* web_broker.c - see web_broker.h. Executes the requests of vm-web, which an attacker may control:
 * it can request what a client with the token can do, and nothing else. */
#include "vm/web_broker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/io.h"
#include "host/child.h"
#include "host/programs.h"
#include "vm/cmd.h"

/* SIGTERM first: vm push and vm exec leave the guest in a defined state. */
#define GRACE_NS UINT64_C(5000000000)

void broker_init(struct broker *b, const struct settings *s, char **envp)
{
	*b = (struct broker){.s = s, .envp = envp};
}

/* ---- tasks ------------------------------------------------------------------------------- */

static struct broker_task *free_task(struct broker *b)
{
	for (int i = 0; i < BROKER_TASKS; i++)
		if (b->tasks[i].pid == 0)
			return &b->tasks[i];
	return NULL;
}

static void take_task(struct broker_task *t, pid_t pid, int *reply)
{
	*t = (struct broker_task){.pid = pid, .reply = fd_take(reply)};
}

/* Start a process for work that may block. Its exit status is the answer unless it has sent one. */
static bool fork_task(struct broker *b, int *reply, int *fds, int (*run)(void *), void *arg)
{
	struct broker_task *t = free_task(b);
	pid_t parent = getpid();
	pid_t pid = t ? fork() : -1;

	if (pid == 0) {
		sigset_t none;

		(void)setsid();
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		/* Its descriptors are its standard streams and the one for the answer; the
		 * listening port is not passed. */
		int keep = fcntl(*reply, F_DUPFD, 64);

		for (int i = 0; i < 3; i++)
			if (fds[i] >= 0)
				(void)dup2(fds[i], i);
		if (dup2(keep, 3) != 3)
			_exit(1);
		close_from(4);
		(void)fcntl(3, F_SETFD, FD_CLOEXEC);
		_exit(run(arg));
	}
	if (pid > 0)
		take_task(t, pid, reply);
	return pid > 0;
}

static void end_task(struct broker_task *t, int sig)
{
	(void)kill(-t->pid, sig);
	if (!t->kill)
		t->kill = clock_now() + GRACE_NS;
}

bool broker_reaped(struct broker *b, pid_t pid, int status)
{
	for (int i = 0; i < BROKER_TASKS; i++) {
		struct broker_task *t = &b->tasks[i];

		if (t->pid != pid)
			continue;
		(void)kill(-pid, SIGKILL); /* end the rest of its process group */
		if (t->reply >= 0)
			web_reply(t->reply,
				  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
				  NULL, -1);
		fd_close(&t->reply);
		t->pid = 0;
		return true;
	}
	return false;
}

nfds_t broker_poll(const struct broker *b, struct pollfd *fds)
{
	nfds_t n = 0;

	for (int i = 0; i < BROKER_TASKS; i++)
		if (b->tasks[i].pid)
			fds[n++] = (struct pollfd){.fd = b->tasks[i].reply, .events = POLLIN};
	return n;
}

void broker_cancel(struct broker *b, int fd)
{
	for (int i = 0; i < BROKER_TASKS; i++)
		if (b->tasks[i].pid && b->tasks[i].reply == fd) {
			fd_close(&b->tasks[i].reply);
			end_task(&b->tasks[i], SIGTERM);
		}
}

void broker_tick(struct broker *b)
{
	uint64_t now = clock_now();

	for (int i = 0; i < BROKER_TASKS; i++)
		if (b->tasks[i].pid && b->tasks[i].kill && now >= b->tasks[i].kill)
			end_task(&b->tasks[i], SIGKILL);
}

void broker_end(struct broker *b)
{
	for (int i = 0; i < BROKER_TASKS; i++)
		if (b->tasks[i].pid) {
			fd_close(&b->tasks[i].reply);
			end_task(&b->tasks[i], SIGTERM);
		}
}

/* ---- requests ---------------------------------------------------------------------------- */

struct texts {
	char *list[WEB_TEXTS];
	size_t count;
};

static bool split(const struct web_request *r, struct texts *t)
{
	static char copy[WEB_TEXT];

	memcpy(copy, r->text, r->size);
	t->count = 0;
	if (r->size == 0 || copy[r->size - 1] != '\0')
		return false;
	for (size_t at = 0; at < r->size; at += strlen(copy + at) + 1) {
		if (t->count == WEB_TEXTS)
			return false;
		t->list[t->count++] = copy + at;
	}
	return true;
}

/* A name without a way out of its directory. */
static bool is_name(const char *text)
{
	return text[0] && text[0] != '.' && !strchr(text, '/') && strlen(text) < 256;
}

static const char *run_command(struct broker *b, const struct texts *t, int *reply, const int *fds)
{
	static char *argv[WEB_TEXTS + 16];
	static char out[4200];
	char path[4096];
	struct error err = {0};
	struct broker_task *task = free_task(b);

	if (!task)
		return "too many commands run at once";
	if (!web_command(t->list[0], t->list + 1, t->count - 1, argv))
		return "this command, or an argument of it, is not allowed";
	/* A report's directory is in VM_LOG_DIR: the client supplies only its name. */
	for (char **a = argv; strcmp(t->list[0], "profile") == 0 && *a; a++)
		if (strcmp(*a, "--out") == 0 && a[1] && !strchr(a[1], '/') && a[1][0] != '.') {
			(void)snprintf(out, sizeof out, "%s/%s", b->s->log_dir, a[1]);
			a[1] = out;
		} else if (strcmp(*a, "--out") == 0) {
			return "the name of a report has no slash and no dot before it";
		}
	if (strcmp(t->list[0], "profile-status") == 0) {
		if (t->count != 2 || !is_name(t->list[1]))
			return "there is no such profile";
		(void)snprintf(out, sizeof out, "%s/%s", b->s->log_dir, t->list[1]);
		argv[3] = out;
	}
	if (!program_vm(path, sizeof path))
		return "the program vm was not found";
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = b->envp,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true};

	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			c.fds[c.fd_count++] = (struct child_fd){fds[i], i};
	pid_t pid = child_start(&c, NULL, &err);

	if (pid < 0)
		return "the program vm cannot be started";
	take_task(task, pid, reply);
	return NULL;
}

/* The requests that PID 1 may be sent. Each is one that a vm command uses. */
static const char *const control_words[] = {"status",  "health", "monitor",
					    "stop",    "reset",	 "warm",
					    "console", "wait",	 "screenshot possible"};

static void connect_control(const struct broker *b, const char *line, int reply)
{
	char path[RUN_PATH_MAX];
	size_t n = strcmp(line, "screenshot possible") == 0 ? strlen(line) : strcspn(line, " ");

	for (size_t i = 0; i < sizeof control_words / sizeof *control_words; i++) {
		if (strlen(control_words[i]) != n || memcmp(control_words[i], line, n) != 0 ||
		    strpbrk(line, "\r\n"))
			continue;
		_cleanup_fd_ int fd = control_open(b->envp, 0, path);

		if (fd < 0)
			web_reply(reply, EXIT_NOT_READY, "no guest runs here", -1);
		else if (!control_send(fd, line))
			web_reply(reply, EXIT_QEMU_FAILED, "PID 1 has not taken the request", -1);
		else
			web_reply(reply, EXIT_CLEAN, NULL, fd);
		return;
	}
	web_reply(reply, EXIT_BAD_USAGE, "this request is not allowed", -1);
}

static void open_log(const struct broker *b, const struct texts *t, int reply)
{
	const char *name = t->list[0];
	int flags = O_RDONLY | O_NOFOLLOW;
	_cleanup_fd_ int dir = open(b->s->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int sub = -1;
	_cleanup_fd_ int fd = -1;

	if (t->count == 1 && (strcmp(name, "events.jsonl") == 0 || strcmp(name, "qemu.log") == 0)) {
		fd = open_regular(dir, name, flags, false, NULL);
	} else if (t->count == 2 && is_name(name) && is_name(t->list[1])) {
		sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd = sub < 0 ? -1 : open_regular(sub, t->list[1], flags, false, NULL);
	} else {
		errno = ENOENT;
	}
	if (fd < 0)
		web_reply(reply, EXIT_NO_IMAGE, strerror(errno), -1);
	else
		web_reply(reply, EXIT_CLEAN, NULL, fd);
}

/* Directories of VM_LOG_DIR that contain a results.json. */
static void list_profiles(const struct broker *b, int reply)
{
	static char text[32768];
	char path[512];
	size_t used = 0;
	DIR *dir = opendir(b->s->log_dir);
	const struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof path, "%.255s/results.json", e->d_name);
		if (!is_name(e->d_name) || strchr(e->d_name, '\n') ||
		    faccessat(dirfd(dir), path, F_OK, AT_SYMLINK_NOFOLLOW) != 0 ||
		    used + strlen(e->d_name) + 1 > sizeof text)
			continue;
		used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", e->d_name);
	}
	if (dir)
		(void)closedir(dir);
	_cleanup_fd_ int fd = web_text_file(text, used);

	web_reply(reply, fd < 0 ? EXIT_INTERNAL : EXIT_CLEAN, NULL, fd);
}

struct job {
	const struct broker *b;
	const struct texts *t;
};

static int run_display(void *arg)
{
	return web_display(((struct job *)arg)->b->s, 3);
}

static int run_screen(void *arg)
{
	return web_screen(((struct job *)arg)->b->envp, 3);
}

static int run_push(void *arg)
{
	const struct job *j = arg;

	return web_push(j->b->s, j->t->list[1]);
}

static int run_pull(void *arg)
{
	const struct job *j = arg;

	return web_pull(j->b->s, j->t->list[1]);
}

/* NULL, or the reason for a refusal. */
static const char *run_job(struct broker *b, const struct web_request *r, const struct texts *t,
			   int *reply, int *streams)
{
	static const char busy[] = "too many commands run at once";
	struct job j = {b, t};
	bool push = strcmp(t->list[0], "push") == 0;

	if (r->op == WEB_DISPLAY || r->op == WEB_SCREEN)
		return fork_task(b, reply, streams, r->op == WEB_DISPLAY ? run_display : run_screen,
				 &j)
			       ? NULL
			       : busy;
	if (push || strcmp(t->list[0], "pull") == 0)
		return t->count != 2 || t->list[1][0] == '-' ? "one path is needed"
		       : fork_task(b, reply, streams, push ? run_push : run_pull, &j) ? NULL
										      : busy;
	return run_command(b, t, reply, streams);
}

void broker_request(struct broker *b, const struct web_request *r, const int *fds, int count)
{
	int reply = fds[0];
	int streams[3] = {count > 1 ? fds[1] : -1, count > 2 ? fds[2] : -1,
			  count > 3 ? fds[3] : -1};
	const char *wrong = NULL;
	struct texts t;

	if (!split(r, &t))
		wrong = "the request is damaged";
	else
		switch ((enum web_op)r->op) {
		case WEB_RUN:
		case WEB_DISPLAY:
		case WEB_SCREEN: wrong = run_job(b, r, &t, &reply, streams); break;
		case WEB_CONTROL: connect_control(b, t.list[0], reply); break;
		case WEB_FILE: open_log(b, &t, reply); break;
		case WEB_LIST: list_profiles(b, reply); break;
		case WEB_USAGE: web_usage(b, t.list, t.count, reply); break;
		default: wrong = "the request is not known"; break;
		}
	if (wrong)
		web_reply(reply, EXIT_NO_SLOT, wrong, -1);
	fd_close(&reply);
	for (int i = 0; i < 3; i++)
		fd_close(&streams[i]);
}
