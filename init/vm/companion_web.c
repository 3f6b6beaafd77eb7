/* companion_web.c - vm-web's companion: it listens, starts and restarts vm-web, and executes its
 * requests (vm/web_broker.c).
 *
 * vm-web parses untrusted input. It runs as a separate user, has no capabilities and may open no
 * file or program; this process runs as PID 1 does and has that access.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "format/json.h"
#include "host/listen.h"
#include "host/peer.h"
#include "host/programs.h"
#include "vm/cmd.h"
#include "vm/companion.h"
#include "vm/web_broker.h"

/* Descriptors from prepare(). */
#define LISTENER_FD 3
#define TOKEN_FD    4

#define TOKEN_MIN 16
#define TOKEN_MAX 128

#define SECOND UINT64_C(1000000000)
/* The delay before vm-web is restarted: doubled up to the second value if it ends within HEALTHY.
 */
#define PAUSE_FIRST (SECOND / 10)
#define PAUSE_MOST  (10 * SECOND)
#define HEALTHY	    (30 * SECOND)

static bool wanted(const struct settings *s)
{
	return s->web == WEB_ON;
}

/* ---- in vm run --------------------------------------------------------------------------- */

static bool is_token(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return text[n] == '\0' && n >= TOKEN_MIN && n <= TOKEN_MAX;
}

static bool read_token(const char *path, char token[TOKEN_MAX + 2], struct error *err)
{
	static const char fix[] = "write a line of 16 to 128 letters, digits, - and _ into it "
				  "(openssl rand -hex 24)";

	if (read_small(path, token, TOKEN_MAX + 2) < 0)
		return error_set(err, EXIT_BAD_SETTING, fix, "VM_WEB_TOKEN_FILE=%s: %s", path,
				 file_strerror(errno));
	token[strcspn(token, "\r\n")] = '\0';
	if (is_token(token))
		return true;
	return error_set(err, EXIT_BAD_SETTING, fix,
			 "VM_WEB_TOKEN_FILE=%s: its first line is not a valid token", path);
}

static bool make_token(char token[TOKEN_MAX + 2], struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[24];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return error_set(
			err, EXIT_INTERNAL,
			"permit getrandom(2) in the engine's seccomp profile, or set VM_WEB=0",
			"no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof bytes; i++) {
		token[2 * i] = digits[bytes[i] >> 4];
		token[2 * i + 1] = digits[bytes[i] & 15];
	}
	token[2 * sizeof bytes] = '\0';
	return true;
}

/* The address that users open. The engine decides about published ports, so the usual one is
 * printed. */
static void say_link(const struct settings *s, const char *token)
{
	bool any = strcmp(s->bind, "0.0.0.0") == 0;

	if (s->web_token_file)
		log_info("web page: http://%s:%ld%s/ with the token of %s",
			 any ? "127.0.0.1" : s->bind, s->web_port,
			 s->web_prefix ? s->web_prefix : "", s->web_token_file);
	else
		log_info("web page: http://%s:%ld%s/?token=%s", any ? "127.0.0.1" : s->bind,
			 s->web_port, s->web_prefix ? s->web_prefix : "", token);
}

static bool prepare(const struct settings *s, struct child *c, struct error *err)
{
	char token[TOKEN_MAX + 2];
	char path[4096];

	if (!program_beside("vm-web", "/usr/local/bin/vm-web", path, sizeof path))
		return error_set(err, EXIT_QEMU_FAILED,
				 "build it with libwebsockets (make web-server), or set VM_WEB=0",
				 "VM_WEB=1: there is no program vm-web beside vm or in "
				 "/usr/local/bin");
	if (!(s->web_token_file ? read_token(s->web_token_file, token, err)
				: make_token(token, err)))
		return false;
	_cleanup_fd_ int listener = listen_tcp(s->bind, (uint16_t)s->web_port, "VM_WEB_PORT", err);

	if (listener < 0)
		return false;
	int text = web_text_file(token, strlen(token));

	if (text < 0)
		return error_set(err, EXIT_INTERNAL,
				 "give the container more memory, or set VM_WEB=0", "VM_WEB: %s",
				 strerror(errno));
	say_link(s, token);
	explicit_bzero(token, sizeof token);
	c->fds[c->fd_count++] = (struct child_fd){.from = fd_take(&listener), .to = LISTENER_FD};
	c->fds[c->fd_count++] = (struct child_fd){.from = text, .to = TOKEN_FD};
	return true;
}

/* ---- the companion ------------------------------------------------------------------------- */

struct server {
	const struct settings *s;
	char **envp;
	char token[TOKEN_MAX + 2];
	struct identity identity; /* vm-web's user */
	struct emulator_peers emulator;
	long long events_at;
	pid_t pid; /* 0: not running */
	int link;  /* socket to it */
	uint64_t started, start_at, pause;
	uint64_t refused_said;
	struct broker broker;
};

/* Without a user for it in the image (VM_UID and VM_GID do not apply to it) it runs as WEB_UID: a
 * number without a name has no rights either. */
static void choose_identity(struct server *v)
{
	struct identity qemu;
	struct error ignored;

	v->identity = (struct identity){.uid = geteuid(), .gid = getegid()};
	if (v->identity.uid == 0)
		v->identity = (struct identity){.uid = WEB_UID, .gid = WEB_UID, .change = true};
	v->emulator.uid = identity_choose(v->s, &qemu, &ignored) ? qemu.uid : geteuid();
	v->emulator.nat = v->s->net != NET_NONE && v->s->net != NET_TAP;
	v->emulator.tap = v->s->net == NET_TAP ? v->s->tap : NULL;
}

static bool send_notice(const struct server *v, const struct web_notice *n, int fd)
{
	return fds_send(v->link, n, offsetof(struct web_notice, text) + n->size, &fd, fd >= 0,
			MSG_DONTWAIT);
}

static void add_text(struct web_notice *n, const char *text)
{
	size_t len = strlen(text) + 1;

	if (n->size + len > sizeof n->text)
		return;
	memcpy(n->text + n->size, text, len);
	n->size += (uint32_t)len;
}

static void greet(const struct server *v)
{
	static struct web_notice n;
	char number[24];

	n = (struct web_notice){.kind = WEB_HELLO};
	(void)snprintf(number, sizeof number, "%lld", v->events_at);
	add_text(&n, v->token);
	add_text(&n, v->s->web_prefix ? v->s->web_prefix : "");
	add_text(&n, v->s->web_hosts ? v->s->web_hosts : "");
	add_text(&n, number);
	(void)send_notice(v, &n, -1);
}

static void start_web(struct server *v)
{
	char path[4096];
	char root[4200];
	char *argv[] = {(char *)"vm-web", (char *)"--root", root, NULL, NULL};
	char *const envp[] = {NULL};
	int pair[2];
	struct error err = {0};
	struct stat st;

	v->started = clock_now();
	v->start_at = v->started + v->pause;
	if (!program_beside("vm-web", "/usr/local/bin/vm-web", path, sizeof path) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return;
	/* vm-web is beside this program in a build tree, else at its place in the image. */
	(void)snprintf(root, sizeof root, "%.*s/web", (int)(strrchr(path, '/') - path), path);
	if (stat(root, &st) != 0 || !S_ISDIR(st.st_mode))
		(void)snprintf(root, sizeof root, "/usr/share/vm/web");
	if (!v->s->sandbox)
		argv[3] = (char *)"--no-sandbox";
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = envp,
			  .fds = {{STDERR_FILENO, STDOUT_FILENO},
				  {STDERR_FILENO, STDERR_FILENO},
				  {pair[1], WEB_BROKER_FD}},
			  .fd_count = 3,
			  .identity = &v->identity,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .memory = v->s->sandbox ? (size_t)512 << 20
						  : 0, /* AddressSanitizer maps TiBs */
			  .file_max = 1 << 20};
	pid_t pid = child_start(&c, NULL, &err);

	(void)close(pair[1]);
	if (pid < 0) {
		log_warning("web page: %s", err.message);
		(void)close(pair[0]);
		return;
	}
	v->pid = pid;
	v->link = pair[0];
	v->broker.web_starts++;
	greet(v);
}

static void web_ended(struct server *v, int status)
{
	uint64_t now = clock_now();

	v->pause = now - v->started > HEALTHY  ? PAUSE_FIRST
		   : v->pause * 2 > PAUSE_MOST ? PAUSE_MOST
					       : v->pause * 2;
	v->start_at = now + v->pause;
	v->pid = 0;
	fd_close(&v->link);
	broker_end(&v->broker);
	if (WIFSIGNALED(status))
		log_warning("web page: vm-web was ended by signal %d (%s); it is started again",
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_warning("web page: vm-web ended with status %d; it is started again",
			    WEXITSTATUS(status));
}

static void reap(struct server *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == v->pid)
			web_ended(v, status);
		else
			(void)broker_reaped(&v->broker, pid, status);
}

/* Ask PID 1 for QEMU's process, on kernels that do not list children. */
static pid_t qemu_pid(const struct server *v)
{
	static char text[65536];
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};
	int64_t pid = 0;

	if (control_ask(v->envp, "status --json", 2, text, sizeof text) == EXIT_CLEAN &&
	    json_parse(&doc, text, strlen(text)))
		(void)json_integer(&doc, json_get(&doc, doc.values, "qemu"), "pid", &pid);
	return (pid_t)pid;
}

/* The processes of QEMU and passt: children of PID 1 that run as QEMU's user. Without them there is
 * no guest that could be the origin of a connection. */
static void find_emulator(struct server *v)
{
	char path[96];
	char text[4096];
	char status[4096];
	int n = 0;

	v->emulator.pids[0] = v->emulator.pids[1] = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", getppid(), getppid());
	if (read_small(path, text, sizeof text) < 0) {
		v->emulator.pids[0] = qemu_pid(v);
		return;
	}
	for (char *at = text, *end; n < 2; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		(void)snprintf(path, sizeof path, "/proc/%ld/status", pid);
		if (pid == getpid() || read_small(path, status, sizeof status) <= 0)
			continue;
		const char *uid = strstr(status, "\nUid:");

		if (uid && strtoul(uid + 5, NULL, 10) == v->emulator.uid)
			v->emulator.pids[n++] = (pid_t)pid;
	}
}

/* Connections that do not come from the guest are allowed; the token is checked later. */
static void accept_one(struct server *v)
{
	static const struct web_notice note = {.kind = WEB_ACCEPTED};
	char peer[PEER_TEXT];
	_cleanup_fd_ int fd = accept4(LISTENER_FD, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	find_emulator(v);
	if (peer_kind(fd, &v->emulator, peer) == PEER_EMULATOR) {
		uint64_t now = clock_now();

		if (!v->refused_said || now - v->refused_said > 10 * SECOND)
			log_warning("web page: refused a connection of the guest's own (%s)", peer);
		v->refused_said = now;
		return;
	}
	tcp_set_options(fd);
	(void)send_notice(v, &note, fd);
}

/* Handle a request of vm-web. False: vm-web has ended. */
static bool read_request(struct server *v)
{
	static struct web_request r;
	int fds[WEB_FDS];
	int count = 0;
	ssize_t n = fds_receive(v->link, &r, sizeof r, fds, WEB_FDS, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == EMSGSIZE;
	while (count < WEB_FDS && fds[count] >= 0)
		count++;
	if (n >= (ssize_t)offsetof(struct web_request, text) &&
	    n == (ssize_t)(offsetof(struct web_request, text) + r.size) && count > 0)
		broker_request(&v->broker, &r, fds, count);
	else
		for (int i = 0; i < count; i++)
			(void)close(fds[i]);
	return n > 0;
}

static void wait_and_serve(struct server *v, int signals)
{
	struct pollfd fds[3 + BROKER_TASKS] = {
		{.fd = signals, .events = POLLIN},
		{.fd = v->pid ? v->link : -1, .events = POLLIN},
		{.fd = v->pid ? LISTENER_FD : -1, .events = POLLIN},
	};
	nfds_t more = broker_poll(&v->broker, fds + 3);
	uint64_t now = clock_now();
	/* Check at intervals on tasks that are being ended. */
	int ms = v->pid && more == 0 ? -1
		 : v->pid	     ? 1000
		 : v->start_at > now ? (int)((v->start_at - now) / 1000000) + 1
				     : 0;

	if (poll(fds, 3 + more, ms) > 0) {
		struct signalfd_siginfo info;

		if (fds[1].revents && !read_request(v))
			(void)kill(v->pid, SIGKILL);
		for (nfds_t i = 3; i < 3 + more; i++)
			if (fds[i].revents)
				broker_cancel(&v->broker, fds[i].fd);
		if (fds[2].revents && v->pid)
			accept_one(v);
		while (fds[0].revents && read(signals, &info, sizeof info) > 0)
			reap(v);
	}
	broker_tick(&v->broker);
	if (!v->pid && clock_now() >= v->start_at)
		start_web(v);
}

static int run(const struct settings *s, char **envp)
{
	static struct server v;
	char path[4200];
	struct stat st;
	sigset_t set;

	v = (struct server){.s = s, .envp = envp, .link = -1, .pause = PAUSE_FIRST};
	ssize_t n = pread(TOKEN_FD, v.token, sizeof v.token - 1, 0);

	(void)close(TOKEN_FD);
	if (n <= 0)
		return EXIT_BAD_USAGE;
	choose_identity(&v);
	broker_init(&v.broker, s, envp);
	(void)snprintf(path, sizeof path, "%s/events.jsonl", s->log_dir);
	v.events_at = stat(path, &st) == 0 ? (long long)st.st_size : 0;
	v.broker.events_at = v.events_at;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	for (;;)
		wait_and_serve(&v, signals);
}

const struct companion companion_web = {"web", wanted, prepare, run};
