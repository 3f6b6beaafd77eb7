/* migration.c - see migration.h. */
#include "pid1/migration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FDSET 99 /* a number that the vector does not use (QEMU_FD_DISK + n) */

/* The bandwidth that is asked for: none would be QEMU's 128 MiB/s. */
#define UNBOUNDED "1099511627776"

static bool has_version(const struct qmp *q, int major, int minor)
{
	char *end;
	long have_major = strtol(q->version, &end, 10);
	long have_minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return (have_major > major || (have_major == major && have_minor >= minor));
}

/* A file in a set of descriptors can be the target of a migration since 9.1 (`file:/dev/fdset/N`).
 * A descriptor by its own name (`fd:`), the only way until then, has to be a pipe or a socket since
 * 11.0 (QEMU's docs/about/removed-features.rst). */
static bool use_fdset(const struct qmp *q)
{
	return has_version(q, 9, 1);
}

const char *migration_format_name(enum state_format format)
{
	static const char *const names[] = {[STATE_FORMAT_AUTO] = "auto",
					    [STATE_FORMAT_STREAM] = "stream",
					    [STATE_FORMAT_MAPPED_RAM] = "mapped-ram",
					    [STATE_FORMAT_MAPPED] = "mapped",
					    [STATE_FORMAT_PACKED] = "packed"};

	return names[format];
}

bool migration_leaves_memory(enum state_format format)
{
	return format == STATE_FORMAT_MAPPED || format == STATE_FORMAT_PACKED;
}

/* A file can be the memory, with writes that stay private, since 8.2 (memory-backend-file,rom=off).
 */
enum state_format migration_format(const struct qmp *q, enum state_format wanted,
				   enum guest_ram where)
{
	bool leaves = where == RAM_SHARED && has_version(q, 8, 2);

	switch (wanted) {
	case STATE_FORMAT_STREAM:
	case STATE_FORMAT_MAPPED_RAM: return wanted;
	case STATE_FORMAT_PACKED:
		if (leaves)
			return wanted;
		break;
	default:
		if (leaves)
			return STATE_FORMAT_MAPPED;
		break;
	}
	return use_fdset(q) ? STATE_FORMAT_MAPPED_RAM : STATE_FORMAT_STREAM;
}

static bool set_capabilities(const struct migration *m, bool on)
{
	char arguments[160];
	const char *state = on ? "true" : "false";
	const char *how = migration_leaves_memory(m->format)	 ? "x-ignore-shared"
			  : m->format == STATE_FORMAT_MAPPED_RAM ? "mapped-ram"
								 : NULL;
	char second[64] = "";

	if (how)
		(void)snprintf(second, sizeof second, ",{\"capability\":\"%s\",\"state\":%s}", how,
			       state);
	(void)snprintf(arguments, sizeof arguments,
		       "{\"capabilities\":[{\"capability\":\"events\",\"state\":%s}%s]}", state,
		       second);
	return qmp_send(m->qmp, "migrate-set-capabilities", arguments, NULL, NULL);
}

bool migration_begin(struct migration *m, const char *command, int fd, qmp_reply *reply, void *arg)
{
	char set[64];

	m->fdset = m->format == STATE_FORMAT_MAPPED_RAM || use_fdset(m->qmp);
	(void)snprintf(set, sizeof set, "{\"fdset-id\":%d,\"opaque\":\"state\"}", FDSET);
	if (!set_capabilities(m, true) ||
	    (strcmp(command, "migrate") == 0 &&
	     !qmp_send(m->qmp, "migrate-set-parameters", "{\"max-bandwidth\":" UNBOUNDED "}", NULL,
		       NULL)))
		return false;
	if (m->fdset)
		return qmp_send_fd(m->qmp, "add-fd", set, fd, NULL, NULL) &&
		       qmp_send(m->qmp, command, "{\"uri\":\"file:/dev/fdset/99\"}", reply, arg);
	return qmp_send_fd(m->qmp, "getfd", "{\"fdname\":\"state\"}", fd, NULL, NULL) &&
	       qmp_send(m->qmp, command, "{\"uri\":\"fd:state\"}", reply, arg);
}

void migration_end(const struct migration *m)
{
	char set[32];

	(void)snprintf(set, sizeof set, "{\"fdset-id\":%d}", FDSET);
	if (m->fdset)
		(void)qmp_send(m->qmp, "remove-fd", set, NULL, NULL);
	(void)set_capabilities(m, false);
}
