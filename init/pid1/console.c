/* console.c - see console.h.
 *
 * The container's own terminal is served by a child, `vm console --own`, over the control socket
 * like any `vm console`, so a terminal that stalls blocks the child and not PID 1. PID 1 only
 * restores the terminal's mode if the child could not.
 */
#include "pid1/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "host/listen.h"
#include "host/terminal.h"
#include "pid1/guard.h"
#include "proto/between.h"

#define CONSOLE_CLIENTS	   64
#define RING_LEAST	   4096
#define RING_NO_REPLAY	   (256 * 1024) /* how far clients may fall behind in that case */
#define MONITOR_SCROLLBACK (16 * 1024)
#define MONITOR_CLIENTS	   8

/* Time for the container's terminal to show the guest's last output. */
#define LAST_WORDS_MS 1000

static void on_serial(const uint8_t *buf, size_t n, void *arg)
{
	struct consoles *c = arg;

	console_log_write(&c->log, buf, n, c->env->life->spawned_ns);
	post(c->env, NOTICE_SERIAL, .data = buf, .size = n);
}

static void on_typed(const uint8_t *buf, size_t n, void *arg)
{
	struct consoles *c = arg;

	prompt_input(c->env->prompt, buf, n, clock_now());
}

static void on_break(void *arg)
{
	consoles_break(arg);
}

bool consoles_break(const struct consoles *c)
{
	return qmp_send(c->env->qmp, "chardev-send-break", "{\"id\":\"serial\"}", NULL, NULL);
}

/* ---- listeners --------------------------------------------------------------------------- */

/* A listener on PORT, the value of SETTING; none if PORT is 0. */
static bool listen_on(const struct settings *s, long port, const char *setting, int *fd,
		      struct error *err)
{
	*fd = -1;
	if (port == 0)
		return true;
	*fd = listen_tcp(s->bind, (uint16_t)port, setting, err);
	return *fd >= 0;
}

static bool open_serial(struct consoles *c, struct guard *guard, struct error *err)
{
	const struct settings *s = &c->env->plan->s;
	char path[RUN_PATH_MAX];
	_cleanup_fd_ int telnet = -1;
	_cleanup_fd_ int raw = -1;
	_cleanup_fd_ int rfc2217 = -1;

	if (!listen_on(s, s->serial_port, "SERIAL_PORT", &telnet, err) ||
	    !listen_on(s, s->serial_rfc2217_port, "SERIAL_RFC2217_PORT", &rfc2217, err) ||
	    !listen_on(s, s->serial_raw_port, "SERIAL_RAW_PORT", &raw, err))
		return false;
	size_t replay = (size_t)s->serial_scrollback * 1024;
	size_t ring = replay > RING_LEAST ? replay : RING_LEAST;
	_cleanup_fd_ int local = listen_unix(run_path(s, "console.sock", path), 0600, err);

	if (local < 0)
		return false;
	struct relay_config config = {
		.name = "serial console",
		.ref_type = REF_RELAY,
		.ref_index = RELAY_SERIAL,
		.epoll = c->env->epoll,
		.ring_size = replay ? ring : RING_NO_REPLAY,
		.replay_size = replay,
		.clients_max = CONSOLE_CLIENTS,
		.greeting = s->serial_readonly
				    ? "[serial console of the guest, to look at only; telnet's "
				      "escape character leaves]"
				    : "[serial console of the guest; telnet's escape character "
				      "leaves]",
		.telnet_listener = fd_take(&telnet),
		.raw_listener = fd_take(&raw),
		.rfc2217_listener = fd_take(&rfc2217),
		.terminal_greeting = "[serial console of the guest; Ctrl-] for the menu]",
		.log_clients = s->log_clients,
		.unix_listener = fd_take(&local),
		.read_only = s->serial_readonly,
		.password = c->env->plan->serial_password,
		.observe = on_serial,
		.typed = on_typed,
		.on_break = on_break,
		.admit = guard_admits_to_relay,
		.admit_arg = guard,
		.arg = c,
	};

	c->relays[RELAY_SERIAL] = relay_new(&config, err);
	return c->relays[RELAY_SERIAL] != NULL;
}

static bool open_monitor(struct consoles *c, struct guard *guard, struct error *err)
{
	const struct settings *s = &c->env->plan->s;
	int telnet;

	if (!listen_on(s, s->monitor_port, "MONITOR_PORT", &telnet, err))
		return false;
	struct relay_config config = {
		.name = "monitor",
		.ref_type = REF_RELAY,
		.ref_index = RELAY_MONITOR,
		.epoll = c->env->epoll,
		.ring_size = MONITOR_SCROLLBACK,
		.replay_size = MONITOR_SCROLLBACK,
		.replay_last_line = true,
		.clients_max = MONITOR_CLIENTS,
		.greeting = "[QEMU's monitor; `help` lists the commands, `quit` cuts the guest's "
			    "power]",
		.telnet_listener = telnet,
		.raw_listener = -1,
		.rfc2217_listener = -1,
		.unix_listener = -1,
		.log_clients = s->log_clients,
		.clear_line = true,
		.password = c->env->plan->monitor_password,
		.admit = guard_admits_to_relay,
		.admit_arg = guard,
		.arg = c,
	};

	c->relays[RELAY_MONITOR] = relay_new(&config, err);
	return c->relays[RELAY_MONITOR] != NULL;
}

/* ---- the own terminal -------------------------------------------------------------------- */

static bool terminal_wanted(const struct settings *s)
{
	return s->serial_stdio == STDIO_ON ||
	       (s->serial_stdio == STDIO_AUTO && terminal_is_ours(STDIN_FILENO));
}

/* Send log lines for the terminal through the child, if there is a pipe to it. */
static void divert_log(struct consoles *c)
{
	int fds[2];

	if (!isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO) ||
	    pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	log_through(fds[1]);
	c->log_lines = fds[0];
}

/* The child has ended: restore the terminal, print the log lines that the child has not read, and
 * write to the terminal directly again. */
static void take_terminal_back(struct consoles *c)
{
	char buf[1024];
	ssize_t n;

	c->terminal = 0;
	terminal_restore();
	log_through(-1);
	while (c->log_lines >= 0 && (n = read(c->log_lines, buf, sizeof buf)) > 0)
		(void)write_all(STDERR_FILENO, buf, (size_t)n);
	fd_close(&c->log_lines);
}

static void start_terminal(struct consoles *c)
{
	char run_dir[RUN_PATH_MAX];
	char *argv[] = {(char *)"vm", (char *)"console", (char *)"--own", NULL, NULL};
	char *envp[] = {run_dir, NULL};
	struct child child = {.path = c->env->plan->vm,
			      .argv = argv,
			      .envp = envp,
			      .fds = {{0, 0}, {1, 1}, {2, 2}},
			      .fd_count = 3};
	struct error err = {0};

	(void)snprintf(run_dir, sizeof run_dir, "VM_RUN_DIR=%s", c->env->plan->s.run_dir);
	if (terminal_save(STDIN_FILENO)) {
		divert_log(c);
		log_info("this terminal is the guest's serial console; Ctrl-] opens a menu");
	}
	if (c->log_lines >= 0) {
		argv[3] = (char *)"--log";
		child.fds[child.fd_count++] = (struct child_fd){c->log_lines, CONSOLE_LOG_FD};
	}
	c->terminal = child_start(&child, NULL, &err);
	if (c->terminal > 0)
		return;
	take_terminal_back(c);
	log_warning("the serial console cannot be shown on this terminal: %s", err.message);
	log_line(LOG_WARNING, "  fix: ", "docker exec -it CONTAINER vm console");
}

bool consoles_reaped(struct consoles *c, pid_t pid)
{
	if (c->terminal != pid)
		return false;
	take_terminal_back(c);
	return true;
}

/* The child has received the end of the console, and ends when it has printed everything. */
static void wait_for_terminal(struct consoles *c)
{
	pid_t pid = c->terminal;

	if (pid <= 0)
		return;
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd < 0 || poll(&p, 1, LAST_WORDS_MS) <= 0)
		(void)kill(pid, SIGKILL);
	take_terminal_back(c);
}

/* ---- all of them ------------------------------------------------------------------------- */

void consoles_init(struct consoles *c, struct env *env)
{
	*c = (struct consoles){.env = env};
	env->relays = c->relays;
}

bool consoles_open(struct consoles *c, struct guard *guard, struct error *err)
{
	const struct settings *s = &c->env->plan->s;
	bool terminal = terminal_wanted(s);

	c->log_lines = -1;
	console_log_open(&c->log, s, !terminal);
	if (!open_serial(c, guard, err) || !open_monitor(c, guard, err))
		return false;
	if (terminal)
		start_terminal(c);
	return true;
}

void consoles_reopen_logs(struct consoles *c)
{
	console_log_reopen(&c->log);
}

void consoles_close(struct consoles *c)
{
	char path[RUN_PATH_MAX];

	for (int i = 0; i < RELAY_COUNT; i++) {
		relay_free(c->relays[i]);
		c->relays[i] = NULL;
	}
	console_log_close(&c->log);
	(void)unlink(run_path(&c->env->plan->s, "console.sock", path));
	wait_for_terminal(c);
}
