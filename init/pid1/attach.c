/* attach.c - see attach.h. QEMU: monitor/qmp-cmds.c (qmp_add_client), chardev/char-socket.c
 * (tcp_chr_add_client: refused while another client is connected).
 */
#include "pid1/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/listen.h"
#include "pid1/env.h"
#include "pid1/guard.h"
#include "qemu/args.h"

#define RETRY_NS  UINT64_C(100000000)
#define TRIES_MAX 20

static const struct {
	enum guard_port port;
	const char *setting, *protocol;
} kinds[ATTACH_COUNT] = {
	[ATTACH_GDB] = {GUARD_GDB, "GDB_PORT", QEMU_CHARDEV_GDB},
	[ATTACH_VNC] = {GUARD_VNC, "VNC_PORT", "vnc"},
};

static void pump(struct attach *a);

static void drop_first(struct attach *a)
{
	fd_close(&a->waiting[0].fd);
	memmove(a->waiting, a->waiting + 1, --a->count * sizeof *a->waiting);
}

static void on_added(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	struct attach *a = arg;
	struct attach_client *first = a->waiting;

	(void)q;
	a->under_way = false;
	if (!doc) /* QEMU has ended; another one may follow */
		return;
	if (result || ++first->tries == TRIES_MAX) {
		if (!result) {
			log_warning("%s: a client was not accepted by QEMU, which serves one "
				    "debugger at a time: %s",
				    guard_port_name(kinds[first->to].port), error);
			log_line(LOG_WARNING, "  fix: ", "disconnect the other debugger first");
		}
		drop_first(a);
		pump(a);
	} else {
		env_timer(a->env, TIMER_ATTACH, clock_now() + RETRY_NS);
	}
}

/* QEMU would stop the guest for a debugger that has already disconnected. */
static bool has_left(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void pump(struct attach *a)
{
	char arguments[96];

	while (a->count > 0 && has_left(a->waiting[0].fd) && !a->under_way)
		drop_first(a);
	if (!a->allowed || a->under_way || a->count == 0 || a->env->qmp->state != QMP_READY)
		return;
	int fd = fcntl(a->waiting[0].fd, F_DUPFD_CLOEXEC, 0);

	(void)json_write(arguments, sizeof arguments,
			 JSON_LIST(J_TEXT("protocol", kinds[a->waiting[0].to].protocol),
				   J_TEXT("fdname", "client")));
	a->under_way =
		fd >= 0 &&
		qmp_send_fd(a->env->qmp, "getfd", "{\"fdname\":\"client\"}", fd, NULL, NULL) &&
		qmp_send(a->env->qmp, "add_client", arguments, on_added, a);
	if (!a->under_way) /* QMP's queue is full */
		env_timer(a->env, TIMER_ATTACH, clock_now() + RETRY_NS);
}

void attach_retry(struct attach *a)
{
	env_timer(a->env, TIMER_ATTACH, 0);
	pump(a);
}

void attach_allow(struct attach *a)
{
	a->allowed = true;
	pump(a);
}

void attach_reset(struct attach *a)
{
	a->allowed = a->under_way = false;
}

void attach_accept(struct attach *a, enum attach_id to)
{
	_cleanup_fd_ int fd = accept4(a->listeners[to], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || !guard_admits(a->guard, kinds[to].port, fd))
		return;
	if (a->count == ATTACH_WAITING) {
		log_warning("%s: refused a client, since %d others wait for QEMU already",
			    guard_port_name(kinds[to].port), ATTACH_WAITING);
		return;
	}
	tcp_set_options(fd);
	a->waiting[a->count++] = (struct attach_client){.fd = fd_take(&fd), .to = to};
	pump(a);
}

void attach_init(struct attach *a, const struct env *env, struct guard *guard)
{
	*a = (struct attach){.env = env, .guard = guard};
	for (int i = 0; i < ATTACH_COUNT; i++)
		a->listeners[i] = -1;
}

bool attach_open(struct attach *a, struct error *err)
{
	const struct settings *s = &a->env->plan->s;
	const long ports[ATTACH_COUNT] = {
		[ATTACH_GDB] = s->gdb ? s->gdb_port : 0, [ATTACH_VNC] = s->vnc ? s->vnc_port : 0};

	for (int i = 0; i < ATTACH_COUNT; i++) {
		if (ports[i] == 0)
			continue;
		a->listeners[i] = listen_tcp(s->bind, (uint16_t)ports[i], kinds[i].setting, err);
		if (a->listeners[i] < 0)
			return false;
		if (!loop_add(a->env->epoll, a->listeners[i], EPOLLIN,
			      (struct loop_ref){.type = REF_ATTACH, .index = (uint8_t)i}))
			return error_set(err, EXIT_INTERNAL,
					 "raise fs.epoll.max_user_watches (sysctl) on the host",
					 "%s: its port cannot be watched: %s", kinds[i].setting,
					 strerror(errno));
	}
	return true;
}

void attach_close(struct attach *a)
{
	while (a->count > 0)
		drop_first(a);
	for (int i = 0; i < ATTACH_COUNT; i++)
		fd_close(&a->listeners[i]);
}
