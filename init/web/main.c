/* main.c - vm-web: the program. Its companion (vm/companion_web.c) starts it with one end of a
 * socket pair, as an unprivileged user; it drops the remaining rights here. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "host/landlock.h"
#include "host/seccomp.h"
#include "web/web.h"

struct server server = {.broker = WEB_BROKER_FD, .timer = -1, .no_display = -1};

uint64_t now_ns(void)
{
	return clock_now();
}

/* ---- dropping rights ------------------------------------------------------------------------ */

/* Permitted: memory, the existing sockets and pipes, and exit. Opening files, bind, connect and
 * creating processes are not. */
static const uint32_t calls[] = {
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_close,
	SYS_fstat,
	SYS_lseek,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_sendto,
	SYS_sendmsg,
	SYS_shutdown,
	SYS_socketpair,
	SYS_pipe2,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_fcntl,
	SYS_ioctl,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_ppoll,
	SYS_timerfd_settime,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_madvise,
	SYS_brk,
	SYS_futex,
	SYS_getrandom,
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_getpid,
	SYS_gettid,
	SYS_exit,
	SYS_exit_group,
	SYS_restart_syscall,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_tgkill,
#ifdef SYS_poll
	SYS_poll,
	SYS_pipe,
	SYS_epoll_wait,
	SYS_time,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat, /* fstat(3) of some C libraries */
#endif
};

static void give_up(void)
{
	int abi = landlock_abi();
	int ruleset = abi > 0 ? landlock_new(abi) : -1;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (ruleset >= 0)
		(void)landlock_enforce(ruleset, abi);
	if (ruleset >= 0)
		(void)close(ruleset);
	if (!seccomp_allow(calls, sizeof calls / sizeof *calls))
		log_warning("web page: vm-web runs without a filter of system calls: %s",
			    strerror(errno));
}

/* ---- libwebsockets ------------------------------------------------------------------------- */

/* Its messages are caused by untrusted clients, so they are rate-limited. */
static void on_log(int level, const char *line)
{
	static uint64_t since;
	static int said;

	if (now_ns() - since > 10 * SECOND) {
		since = now_ns();
		said = 0;
	}
	if (said++ < 3)
		log_line(level == LLL_ERR ? LOG_WARNING : LOG_INFO, "web page: ", "%.*s",
			 (int)strcspn(line, "\n"), line);
}

static int on_watches(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		      size_t len)
{
	(void)wsi, (void)user, (void)in, (void)len;
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		watch_run();
	return 0;
}

/* The first protocol is used for HTTP and for WebSockets that name none. */
static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = http_callback, .per_session_data_size = sizeof(void *)},
	{.name = "binary", .callback = http_callback, .per_session_data_size = sizeof(void *)},
	{.name = "watches", .callback = on_watches},
	{.name = NULL},
};

static const lws_retry_bo_t idle = {.secs_since_valid_ping = 30, .secs_since_valid_hangup = 60};

static bool start(void)
{
	struct lws_context_creation_info info = {0};
	lws_sock_file_fd_type fd;

	lws_set_log_level(LLL_ERR, on_log);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	info.fd_limit_per_thread = 1024;
	info.max_http_header_data = 8192;
	/* One for each connection: libwebsockets gives a new connection one before it has sent
	 * anything, so with fewer idle connections of clients without the token would delay
	 * others by timeout_secs. They are allocated when needed. */
	info.max_http_header_pool = WEB_PLACES;
	info.timeout_secs = 10; /* for a request's head and body */
	info.timeout_secs_ah_idle = 10;
	info.keepalive_timeout = 60; /* what is idle makes room earlier, if need be: limit.c */
	info.pt_serv_buf_size = 16384;
	info.vhost_name = "web";
	info.alpn = "http/1.1";
	info.retry_and_idle_policy = &idle;
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	server.context = lws_create_context(&info);
	server.vhost = server.context ? lws_create_vhost(server.context, &info) : NULL;
	fd.filefd = watch_open();
	return server.vhost && fd.filefd >= 0 &&
	       lws_adopt_descriptor_vhost(server.vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "watches",
					  NULL);
}

void tick_arm(bool on)
{
	const struct itimerspec every = {{0, on ? 250000000 : 0}, {0, on ? 250000000 : 0}};

	if (on != server.ticking)
		(void)timerfd_settime(server.timer, 0, &every, NULL);
	server.ticking = on;
}

static void on_tick(struct watch *w, uint32_t events)
{
	uint64_t times;

	(void)events;
	if (read(w->fd, &times, sizeof times) == (ssize_t)sizeof times)
		session_tick();
}

int main(int argc, char **argv)
{
	static struct watch broker, ticks;
	const struct rlimit files = {1024, 1024};
	const char *root = NULL;
	bool sandbox = true;

	clock_start();
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--routes") == 0) {
			routes_print();
			return EXIT_CLEAN;
		} else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc) {
			root = argv[++i];
		} else if (strcmp(argv[i], "--no-sandbox") == 0) {
			sandbox = false;
		} else {
			(void)fprintf(stderr, "usage: vm-web --root DIRECTORY (VM_WEB=1 of vm run "
					      "starts it)\n");
			return EXIT_BAD_USAGE;
		}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prlimit(0, RLIMIT_NOFILE, &files, NULL);
	(void)static_load(root);
	server.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!start() || server.timer < 0 || !console_start() ||
	    !watch_add(&ticks, server.timer, EPOLLIN, on_tick, NULL) ||
	    !watch_add(&broker, server.broker, EPOLLIN, broker_ready, NULL)) {
		log_error("web page: vm-web cannot start: %s", strerror(errno));
		return EXIT_INTERNAL;
	}
	if (sandbox)
		give_up();
	while (lws_service(server.context, 0) >= 0)
		continue;
	return EXIT_INTERNAL;
}
