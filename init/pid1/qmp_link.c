/* qmp_link.c - see qmp_link.h. */
#include "pid1/qmp_link.h"

#include <string.h>
#include <sys/epoll.h>

#include "base/io.h"
#include "pid1/env.h"

/* QAPI: qapi/run-state.json, block-core.json, migration.json, job.json. */
static void on_event(struct qmp *q, const char *name, const struct json *doc,
		     const struct json_value *data, void *arg)
{
	static const struct {
		const char *name;
		enum notice_kind kind;
	} rows[] = {
		{"RESUME", NOTICE_RESUMED},	    {"STOP", NOTICE_PAUSED},
		{"SHUTDOWN", NOTICE_SHUTDOWN},	    {"BLOCK_IO_ERROR", NOTICE_DISK_ERROR},
		{"MIGRATION", NOTICE_MIGRATION},    {"POWERDOWN", NOTICE_POWERDOWN},
		{"GUEST_PANICKED", NOTICE_PVPANIC}, {"RESET", NOTICE_MACHINE_RESET},
		{"JOB_STATUS_CHANGE", NOTICE_JOB},
	};
	struct qmp_link *l = arg;
	const char *reason = json_string(doc, data, "reason");
	const struct json_value *stamp = json_get(doc, doc->values, "timestamp");
	int64_t s = 0;
	int64_t us = 0;

	(void)json_integer(doc, stamp, "seconds", &s);
	(void)json_integer(doc, stamp, "microseconds", &us);

	(void)q;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(name, rows[i].name) == 0)
			notice_post(l->env,
				    &(const struct notice){
					    .kind = rows[i].kind,
					    .text = reason ? reason : "",
					    .on = json_bool(doc, data, "guest", false),
					    .doc = doc,
					    .json = data,
					    .us = (int64_t)((uint64_t)s * 1000000u + (uint64_t)us),
				    });
}

void qmp_link_init(struct qmp_link *l, const struct env *env)
{
	*l = (struct qmp_link){.env = env, .qmp = env->qmp};
	l->qmp->fd = -1;
}

void qmp_link_open(struct qmp_link *l, int fd)
{
	l->armed = false;
	qmp_init(l->qmp, fd, on_event, l);
	(void)loop_add(l->env->epoll, fd, EPOLLIN, (struct loop_ref){.type = REF_QMP});
}

static void hang_up(struct qmp_link *l)
{
	loop_remove(l->env->epoll, l->qmp->fd);
	fd_close(&l->qmp->fd);
}

void qmp_link_io(struct qmp_link *l, int fd, uint32_t events)
{
	enum qmp_state before = l->qmp->state;
	bool open = true;

	if (fd != l->qmp->fd)
		return;
	if (events & EPOLLOUT)
		open = qmp_writable(l->qmp);
	if (open && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		open = qmp_readable(l->qmp);
	if (before != QMP_READY && l->qmp->state == QMP_READY)
		post(l->env, NOTICE_QMP_READY);
	if (open)
		return;
	hang_up(l);
	post(l->env, NOTICE_QMP_LOST);
}

void qmp_link_arm(struct qmp_link *l)
{
	bool want = l->qmp->fd >= 0 && qmp_wants_write(l->qmp);

	if (l->qmp->fd < 0 || want == l->armed)
		return;
	l->armed = want;
	(void)loop_modify(l->env->epoll, l->qmp->fd, want ? EPOLLIN | EPOLLOUT : EPOLLIN,
			  (struct loop_ref){.type = REF_QMP});
}

void qmp_link_drain(struct qmp_link *l)
{
	if (l->qmp->fd < 0)
		return;
	/* One call reads up to 1 MiB; less than that can be left in the socket of an ended QEMU. */
	if (l->qmp->state != QMP_CLOSED)
		(void)qmp_readable(l->qmp);
	hang_up(l);
}
