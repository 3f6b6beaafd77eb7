/* room.h - test one room of PID 1 (init/pid1/) alone: the test takes the place of QEMU and speaks
 * QMP over a socketpair, drives the clock, and records notices (room_env.h).
 *
 * The tools of env.h are the real ones. Of the reactions in reactions.c, a notice here only changes
 * the conditions, the verdict and the rung of the lifecycle, which a room may read directly after
 * its notice. If a room starts a helper as the program vm, this test program is executed again:
 * room_helper().
 */
#ifndef TEST_ROOM_H
#define TEST_ROOM_H

#include "room_env.h"

#include "config/guest_preset.h"

/* ---- QEMU --------------------------------------------------------------------------------- */

static inline void qemu_readable(void)
{
	if (room.readable)
		room.readable();
	else
		(void)qmp_readable(room.env.qmp);
}

static inline void qemu_sends(const char *text)
{
	assert_int_equal(write(room.qemu, text, strlen(text)), strlen(text));
	qemu_readable();
}

/* The next command that QEMU has received, without its line end; "": none. */
static inline const char *qemu_next_command(void)
{
	static char text[16384];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = text, .iov_len = sizeof text - 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	ssize_t n = recvmsg(room.qemu, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	fd_close(&room.received_fd);
	if (header)
		memcpy(&room.received_fd, CMSG_DATA(header), sizeof(int));
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* QEMU has received COMMAND with ARGUMENTS (NULL: none). */
static inline void qemu_gets(const char *command, const char *arguments)
{
	char wanted[9000];
	const char *text = qemu_next_command();
	int n = snprintf(wanted, sizeof wanted, "{\"execute\":\"%s\"%s%s,\"id\":", command,
			 arguments ? ",\"arguments\":" : "", arguments ? arguments : "");

	if (strncmp(text, wanted, (size_t)n) != 0)
		fail_msg("QEMU received %s, not %s", text[0] ? text : "nothing", wanted);
	room.id = (unsigned)strtoul(text + n, NULL, 10);
}

static inline void qemu_returns(const char *json)
{
	char text[16384];

	(void)snprintf(text, sizeof text, "{\"return\":%s,\"id\":%u}\r\n", json, room.id);
	qemu_sends(text);
}

static inline void qemu_fails(const char *description)
{
	char text[1024];

	(void)snprintf(text, sizeof text,
		       "{\"error\":{\"class\":\"GenericError\",\"desc\":\"%s\"},\"id\":%u}\r\n",
		       description, room.id);
	qemu_sends(text);
}

/* QEMU has received COMMAND and answers it with success. */
static inline void qemu_acks(const char *command, const char *arguments)
{
	qemu_gets(command, arguments);
	qemu_returns("{}");
}

static inline void qemu_is_idle(void)
{
	assert_string_equal(qemu_next_command(), "");
}

static inline void qemu_emits(const char *event, const char *data)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "{\"event\":\"%s\"%s%s}\r\n", event,
		       data ? ",\"data\":" : "", data ? data : "");
	qemu_sends(text);
}

/* QEMU ends: QMP is closed. */
static inline void qemu_disconnects(void)
{
	(void)shutdown(room.qemu, SHUT_RDWR); /* a forked child may have it open, too */
	fd_close(&room.qemu);
	qemu_readable();
}

static inline void room_event(struct qmp *q, const char *name, const struct json *doc,
			      const struct json_value *data, void *arg)
{
	(void)q, (void)arg;
	if (room.on_event)
		room.on_event(name, doc, data);
}

/* QMP is connected, but QEMU has sent nothing. */
static inline void qemu_connects(qmp_event *on_event, void *arg)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	fd_close(&room.env.qmp->fd);
	fd_close(&room.qemu);
	room.qemu = fds[1];
	qmp_init(room.env.qmp, fds[0], on_event, arg);
}

/* A QEMU of version MAJOR.MINOR.0 is connected. */
static inline void qemu_greets(int major, int minor)
{
	char text[200];

	(void)snprintf(text, sizeof text,
		       "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":%d,\"major\":%d},"
		       "\"package\":\"\"},\"capabilities\":[]}}\r\n",
		       minor, major);
	qemu_sends(text);
	qemu_acks("qmp_capabilities", NULL);
}

static inline void qemu_starts(int major, int minor)
{
	qemu_connects(room_event, NULL);
	qemu_greets(major, minor);
	assert_int_equal(room.env.qmp->state, QMP_READY);
}

/* Fill QMP's queue with unanswered commands. */
static inline void qemu_hangs(void)
{
	while (qmp_send(room.env.qmp, "x", NULL, NULL, NULL))
		continue;
}

/* ---- the serial line ---------------------------------------------------------------------- */

static inline void room_marker(const struct marker *m, uint64_t at, void *arg)
{
	(void)m, (void)at, (void)arg;
}

static inline void room_serial(const uint8_t *buf, size_t n, void *arg)
{
	(void)arg;
	if (room.env.life == &room.life) { /* otherwise the reactions do that */
		prompt_output(&room.prompt, buf, n, clock_now());
		phases_feed(&room.phases, buf, n, clock_now(), room_marker, NULL);
	}
	post(&room.env, NOTICE_SERIAL, .data = buf, .size = n);
}

/* The guest prints TEXT, which has not been read yet. */
static inline void guest_prints_unread(const char *text)
{
	assert_int_equal(write(room.serial, text, strlen(text)), strlen(text));
}

/* The guest prints TEXT, which is read. */
static inline void guest_printed(const char *text)
{
	guest_prints_unread(text);
	relay_flush(room.relays[RELAY_SERIAL]);
}

static inline const struct marker *marker_named(const char *name)
{
	for (size_t i = 0; i < room.env.phases->markers->count; i++) {
		const struct marker *m = &room.env.phases->markers->list[i];

		if (m->name_len == strlen(name) && memcmp(m->name, name, m->name_len) == 0)
			return m;
	}
	fail_msg("no marker %s", name);
	return NULL;
}

/* ---- the control socket ------------------------------------------------------------------- */

/* A client that has sent a complete request. Returns its slot. */
static inline int client_requests(void)
{
	int fds[2];
	int slot = 0;

	while (room.env.control->clients[slot].fd >= 0)
		slot++;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	fd_close(&room.client_fds[slot]);
	room.client_fds[slot] = fds[1];
	room.env.control->clients[slot] = (struct control_client){
		.fd = fds[0], .number = ++room.env.control->numbers, .asked = true};
	return slot;
}

/* The answer that client SLOT has received, such as "0\ntext\n"; "": none. */
static inline const char *client_got(int slot)
{
	static char text[65536];
	ssize_t n = recv(room.client_fds[slot], text, sizeof text - 1, MSG_DONTWAIT);
	size_t len = n > 0 ? (size_t)n : 0;

	while (n > 0 && (n = recv(room.client_fds[slot], text + len, sizeof text - 1 - len,
				  MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

#define assert_got(slot, text) assert_string_equal(client_got(slot), text)

/* ---- helpers ------------------------------------------------------------------------------ */

/* To be called first in main(). A helper (its name is "vm", or ROOM_HELPER is in its environment)
 * prints its arguments, does what ROOM_HELPER says ("3": exit status; "hang": it does not end), and
 * does not return. */
static inline void room_helper(int argc, char *const argv[])
{
	const char *what = getenv("ROOM_HELPER");

	if (!what && strcmp(argv[0], "vm") == 0)
		what = "0";
	if (!what)
		return;
	for (int i = 0; i < argc; i++)
		(void)printf("%s%s", i ? " " : "", argv[i]);
	(void)printf("\n");
	(void)fflush(stdout);
	while (strcmp(what, "hang") == 0)
		(void)pause();
	_exit(atoi(what));
}

/* Set what helpers do that are started from now on (room_helper()). */
static inline void helpers_do(const char *what)
{
	assert_int_equal(setenv("ROOM_HELPER", what, 1), 0);
}

/* Wait for the end of helper WHICH and report it. */
static inline void helper_ends(enum helper_id which)
{
	pid_t pid = helper_pid(room.env.helpers, which);
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(helper_reaped(room.env.helpers, pid, status));
}

/* Larger than any process ID (PID_MAX_LIMIT). */
#define NO_PROCESS 99999999

/* Start a process in place of QEMU, in its own process group, with default signal actions. */
static inline void qemu_process_runs(void)
{
	room.life.qemu = fork();
	assert_true(room.life.qemu >= 0);
	if (room.life.qemu == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setpgid(0, 0);
		for (;;)
			(void)pause();
	}
	(void)setpgid(room.life.qemu, room.life.qemu);
	room.child = room.life.qemu;
}

/* Wait for its end. Returns the signal that ended it. */
static inline int qemu_process_ended_by(void)
{
	int status = 0;

	assert_int_equal(waitpid(room.child, &status, 0), room.child);
	room.child = 0;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- set-up ------------------------------------------------------------------------------- */

#define ROOM_MARKERS                                                                               \
	"progress kernel ^Linux\n"                                                                 \
	"progress stopping ^Stopping\n"                                                            \
	"progress restarting ^Restarting\n"                                                        \
	"ready login login:\n"                                                                     \
	"ready up ^READY\n"                                                                        \
	"failure no-root ^no root\n"                                                               \
	"panic oops ^Kernel panic\n"                                                               \
	"down halted ^System halted\n"

/* The guest is of kind KIND. */
static inline void room_guest_is(enum guest_kind kind)
{
	const struct guest_preset *preset = preset_of(kind);

	room.plan.s.guest = (int)kind;
	room.plan.guest_name = preset->name;
	room.plan.set_clock = preset->set_clock;
	room.plan.idle_panic = preset->idle_panic;
}

static inline void room_markers(struct plan *plan)
{
	struct error err = {0};

	assert_true(markers_compile(ROOM_MARKERS, sizeof ROOM_MARKERS - 1, &plan->markers,
				    &plan->patterns, &err));
}

static inline struct relay *room_relay(enum relay_id id, int *end)
{
	struct relay_config config = {.name = id == RELAY_SERIAL ? "serial console" : "monitor",
				      .ref_type = REF_RELAY,
				      .ref_index = (uint8_t)id,
				      .epoll = room.env.epoll,
				      .ring_size = 65536,
				      .clients_max = 4,
				      .telnet_listener = -1,
				      .rfc2217_listener = -1,
				      .raw_listener = -1,
				      .unix_listener = -1,
				      .observe = id == RELAY_SERIAL ? room_serial : NULL};
	struct relay *r = relay_new(&config, NULL);
	int fds[2];

	assert_non_null(r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_true(relay_attach(r, fds[0], fds[0]));
	*end = fds[1];
	return r;
}

/* A guest that was started by a QEMU 10.0 which is connected; it has not run yet. Settings are the
 * defaults with VM_READY=login, one processor, and a NAT on 127.0.0.1. */
static inline int room_set_up(void **state)
{
	static struct errors errors;
	static char *const environment[] = {NULL};
	struct error err = {0};

	(void)state;
	memset(&room, 0, sizeof room);
	room_now = 1000 * S;
	clock_source(room_clock);
	(void)signal(SIGPIPE, SIG_IGN);
	room.qemu = room.received_fd = room.qmp.fd = -1;
	room.log = memfd_create("log", MFD_CLOEXEC);
	log_through(dup(room.log));
	room.env = (struct env){.plan = &room.plan,
				.epoll = epoll_create1(EPOLL_CLOEXEC),
				.timers = &room.timers,
				.qmp = &room.qmp,
				.relays = room.relays,
				.control = &room.control,
				.helpers = &room.helpers,
				.prompt = &room.prompt,
				.phases = &room.phases,
				.life = &room.life,
				.handler = room_notice};
	assert_true(settings_parse(environment, &room.plan.s, &errors));
	room_guest_is(GUEST_HURD);
	room.plan.s.cpus = 1;
	assert_true(settings_resolve(&room.plan.s, 0, &errors, &errors));
	plan_power_button(&room.plan);
	room.plan.s.ready = READY_LOGIN;
	room.plan.accel.accel = ACCEL_TCG;
	room.plan.net_fd = room.plan.share_fd = room.plan.share_out = -1;
	room.plan.resume.stream = room.plan.ram.fd = room.plan.ram.from = room.plan.cold.ram.fd =
		room.plan.cdrom_fd = room.plan.cdrom2_fd = room.plan.trace_fd = -1;
	(void)snprintf(room.plan.vm, sizeof room.plan.vm, "/proc/self/exe");
	room.plan.kvm_fd = -1;
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		room.plan.kernel.fds[i] = -1;
	assert_true(timers_init(room.env.timers));
	helpers_init(room.env.helpers, room.env.epoll);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		room.env.control->clients[i].fd = room.client_fds[i] = -1;
	room.env.control->epoll = room.env.epoll;
	room_markers(&room.plan);
	assert_true(phases_init(&room.phases, &room.plan.markers, &room.plan.patterns, &err));
	room.relays[RELAY_SERIAL] = room_relay(RELAY_SERIAL, &room.serial);
	room.relays[RELAY_MONITOR] = room_relay(RELAY_MONITOR, &room.monitor);
	room.life.spawned_ns = room_now;
	room.life.qemu = NO_PROCESS;
	qemu_starts(10, 0);
	helpers_do("0");
	return 0;
}

static inline int room_tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < HELPER_COUNT; i++)
		if (room.env.helpers->list[i].pid > 0) {
			helper_kill(room.env.helpers, (enum helper_id)i);
			(void)waitpid(room.env.helpers->list[i].pid, NULL, 0);
		}
	if (room.child > 0) {
		(void)kill(room.child, SIGKILL);
		(void)waitpid(room.child, NULL, 0);
	}
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		fd_close(&room.client_fds[i]);
		fd_close(&room.env.control->clients[i].fd);
	}
	for (int i = 0; i < RELAY_COUNT; i++)
		relay_free(room.relays[i]);
	matcher_free(room.phases.matcher);
	fd_close(&room.serial);
	fd_close(&room.monitor);
	fd_close(&room.qemu);
	fd_close(&room.env.qmp->fd);
	fd_close(&room.received_fd);
	fd_close(&room.env.timers->fd);
	fd_close(&room.env.epoll);
	log_through(-1);
	fd_close(&room.log);
	clock_source(NULL);
	return 0;
}

/* The guest runs. */
static inline void guest_runs(void)
{
	(void)lifecycle_event(&room.life, LIFE_EVENT_RUNS);
}

static inline void guest_pauses(void)
{
	(void)lifecycle_event(&room.life, LIFE_EVENT_PAUSES);
}

#endif
