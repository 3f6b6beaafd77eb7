/* emulator.c - see emulator.h: queries over QMP, and their replies as a struct.
 *
 * This runs before the event loop (or without one), so it polls by itself, with a time limit.
 */
#include "qemu/emulator.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "qemu/args.h"
#include "qemu/qmp.h"

struct asking {
	const struct emulator_query *query;
	struct emulator *out;
	int open; /* queries without a reply */
	char error[200];
};

/* A copy of TEXT, "" for NULL. A name that does not fit is cut, and will not be found, which is
 * reported. */
static const char *keep(struct emulator *e, const char *text)
{
	char *copy = e->text + e->used;
	size_t room = sizeof e->text - e->used;
	int n = snprintf(copy, room, "%s", text ? text : "");

	e->used += (size_t)n < room ? (size_t)n + 1 : room - 1;
	return copy;
}

/* The texts of ARRAY as one text, separated by commas. */
static const char *keep_list(struct emulator *e, const struct json *doc,
			     const struct json_value *array)
{
	char list[4096] = "";
	size_t n = 0;

	for (int32_t i = array ? array->first : -1; i >= 0 && n < sizeof list;
	     i = doc->values[i].next)
		if (doc->values[i].type == JSON_STRING)
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? "," : "",
					      doc->values[i].text);
	return keep(e, list);
}

/* A reply to a query has come. False if it is an error. */
static bool answered(struct asking *a, const struct json_value *result, const char *error)
{
	a->open--;
	if (!result)
		(void)snprintf(a->error, sizeof a->error, "%s", error);
	return result && result->type == JSON_ARRAY;
}

static void on_features(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct asking *a = arg;
	struct emulator *e = a->out;

	(void)q, (void)error;
	a->open--; /* without a reply the features are unknown */
	for (int32_t i = result ? result->first : -1; i >= 0; i = doc->values[i].next) {
		const char *name = json_string(doc, &doc->values[i], "name");

		if (name && e->feature_count < sizeof e->features / sizeof *e->features)
			e->features[e->feature_count++] = keep(e, name);
	}
}

static void on_cpus(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	struct asking *a = arg;
	struct emulator *e = a->out;
	const char *wanted = a->query->model;
	const struct cpu_model *model;
	char arguments[128];

	/* Before QEMU 8.2 that for RISC-V has no such command: its models are not known. */
	if (!result && strstr(error, "has not been found")) {
		a->open--;
		return;
	}
	if (!answered(a, result, error))
		return;
	for (int32_t i = result->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *cpu = &doc->values[i];

		if (e->cpu_count == sizeof e->cpus / sizeof *e->cpus)
			break;
		e->cpus[e->cpu_count++] = (struct cpu_model){
			.name = keep(e, json_string(doc, cpu, "name")),
			.type = keep(e, json_string(doc, cpu, "typename")),
			.alias_of = keep(e, json_string(doc, cpu, "alias-of")),
			.missing = keep_list(e, doc, json_get(doc, cpu, "unavailable-features")),
			.deprecated = json_bool(doc, cpu, "deprecated", false)};
	}
	model = wanted ? emulator_cpu(e, wanted, strcspn(wanted, ",")) : NULL;
	if (!model)
		return;
	(void)json_write(arguments, sizeof arguments, JSON_LIST(J_TEXT("typename", model->type)));
	a->open += qmp_send(q, "device-list-properties", arguments, on_features, a);
}

static void on_machines(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct asking *a = arg;
	struct emulator *e = a->out;

	(void)q;
	if (!answered(a, result, error))
		return;
	for (int32_t i = result->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *machine = &doc->values[i];
		int64_t cpu_max = 0;

		if (e->machine_count == sizeof e->machines / sizeof *e->machines)
			break;
		(void)json_integer(doc, machine, "cpu-max", &cpu_max);
		e->machines[e->machine_count++] = (struct machine_type){
			.name = keep(e, json_string(doc, machine, "name")),
			.alias = keep(e, json_string(doc, machine, "alias")),
			.cpu_max = cpu_max,
			.standard = json_bool(doc, machine, "is-default", false),
			.deprecated = json_bool(doc, machine, "deprecated", false)};
	}
}

static pid_t start(const struct emulator_query *query, int fd, struct error *err)
{
	char kvm_set[48];
	char kvm_accel[48];
	char *argv[] = {query->path,
			(char *)"-machine",
			(char *)"none",
			(char *)"-nodefaults",
			(char *)"-no-user-config",
			(char *)"-display",
			(char *)"none",
			(char *)"-chardev",
			(char *)"socket,id=qmp,fd=3",
			(char *)"-qmp",
			(char *)"chardev:qmp",
			(char *)"-accel",
			(char *)"tcg",
			NULL, /* -add-fd */
			NULL,
			NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"HOME=/", NULL};
	struct child c = {.path = query->path,
			  .argv = argv,
			  .envp = envp,
			  .fds = {{.from = fd, .to = QEMU_FD_QMP}},
			  .fd_count = 1,
			  .identity = query->identity,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true};

	_Static_assert(QEMU_FD_QMP == 3, "the chardev's descriptor");
	if (query->kvm >= 0) { /* as in args.c */
		c.fds[c.fd_count++] = (struct child_fd){.from = query->kvm, .to = QEMU_FD_KVM};
		(void)snprintf(kvm_set, sizeof kvm_set, "fd=%d,set=%d", QEMU_FD_KVM, QEMU_FD_KVM);
		(void)snprintf(kvm_accel, sizeof kvm_accel, "kvm,device=/dev/fdset/%d",
			       QEMU_FD_KVM);
		argv[12] = kvm_accel;
		argv[13] = (char *)"-add-fd";
		argv[14] = kvm_set;
	}
	return child_start(&c, NULL, err);
}

/* Talk until every query has its reply. False: time limit reached, or Q has ended. */
static bool talk(struct qmp *q, const struct asking *a)
{
	uint64_t end = clock_now() + EMULATOR_BOUND_MS * UINT64_C(1000000);

	while (a->open > 0) {
		struct pollfd pfd = {.fd = q->fd,
				     .events =
					     (short)(POLLIN | (qmp_wants_write(q) ? POLLOUT : 0))};
		int ready = clock_poll(&pfd, 1, end);

		if (ready == 0 || (ready < 0 && errno != EINTR))
			return false;
		if (pfd.revents && !qmp_readable(q))
			return false;
	}
	return true;
}

/* Sort by name for display; QEMU's order is that of a hash table. */
static int by_cpu_name(const void *a, const void *b)
{
	return strverscmp(((const struct cpu_model *)a)->name, ((const struct cpu_model *)b)->name);
}

static int by_machine_name(const void *a, const void *b)
{
	return strverscmp(((const struct machine_type *)a)->name,
			  ((const struct machine_type *)b)->name);
}

bool emulator_ask(const struct emulator_query *query, struct emulator *out, struct error *err)
{
	static struct qmp q;
	struct asking a = {.query = query, .out = out, .open = 2};
	int fds[2];

	out->version[0] = '\0';
	out->cpu_count = out->machine_count = out->feature_count = out->used = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "no descriptors for QEMU: %s", strerror(errno));
	_cleanup_fd_ int ours = fds[0];
	_cleanup_fd_ int theirs = fds[1];
	pid_t pid = start(query, theirs, err);

	if (pid < 0)
		return false;
	fd_close(&theirs);
	qmp_init(&q, ours, NULL, NULL);
	(void)qmp_send(&q, "query-cpu-definitions", NULL, on_cpus, &a);
	(void)qmp_send(&q, "query-machines", NULL, on_machines, &a);
	bool ok = talk(&q, &a) && !a.error[0];

	(void)snprintf(out->version, sizeof out->version, "%s", q.version);
	/* It has no machine and nothing to lose. */
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	qsort(out->cpus, out->cpu_count, sizeof *out->cpus, by_cpu_name);
	qsort(out->machines, out->machine_count, sizeof *out->machines, by_machine_name);
	return ok || error_set(err, EXIT_QEMU_FAILED,
			       "if VM_QEMU is set, it must name a QEMU; otherwise run the emulator "
			       "by hand to see its messages",
			       "%s does not list its machines and processors: %s", query->path,
			       a.error[0]	 ? a.error
			       : q.why_closed[0] ? q.why_closed
						 : "no answer in time");
}
