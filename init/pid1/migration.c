/* migration.c - see migration.h. */
#include "pid1/migration.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"

#define FDSET "99" /* not used by QEMU's argument vector (QEMU_FD_DISK + n) */

/* The bandwidth limit; QEMU's default is 128 MiB/s. */
#define UNBOUNDED "1099511627776"

static bool has_version(const struct qmp *q, int major, int minor)
{
	char *end;
	long have_major = strtol(q->version, &end, 10);
	long have_minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return (have_major > major || (have_major == major && have_minor >= minor));
}

/* A migration can write to a descriptor in an fdset since QEMU 9.1 (`file:/dev/fdset/N`). A
 * descriptor passed by name (`fd:`), the only way before, has to be a pipe or a socket since 11.0
 * (QEMU: docs/about/removed-features.rst). */
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

/* A file can back the memory with private writes since QEMU 8.2 (memory-backend-file,rom=off). */
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
	char list[128];
	struct json_list l;
	const char *how = migration_leaves_memory(m->format)	 ? "x-ignore-shared"
			  : m->format == STATE_FORMAT_MAPPED_RAM ? "mapped-ram"
								 : NULL;

	json_list_begin(&l, list, sizeof list);
	json_list_object(&l, JSON_LIST(J_TEXT("capability", "events"), J_BOOL("state", on)));
	if (how)
		json_list_object(&l, JSON_LIST(J_TEXT("capability", how), J_BOOL("state", on)));
	(void)json_write(arguments, sizeof arguments,
			 JSON_LIST(J_RAW("capabilities", json_list_end(&l))));
	return qmp_send(m->qmp, "migrate-set-capabilities", arguments, NULL, NULL);
}

bool migration_begin(struct migration *m, const char *command, int fd, qmp_reply *reply, void *arg)
{
	m->fdset = m->format == STATE_FORMAT_MAPPED_RAM || use_fdset(m->qmp);
	if (!set_capabilities(m, true) ||
	    (strcmp(command, "migrate") == 0 &&
	     !qmp_send(m->qmp, "migrate-set-parameters", "{\"max-bandwidth\":" UNBOUNDED "}", NULL,
		       NULL)))
		return false;
	if (m->fdset)
		return qmp_send_fd(m->qmp, "add-fd",
				   "{\"fdset-id\":" FDSET ",\"opaque\":\"state\"}", fd, NULL,
				   NULL) &&
		       qmp_send(m->qmp, command, "{\"uri\":\"file:/dev/fdset/" FDSET "\"}", reply,
				arg);
	return qmp_send_fd(m->qmp, "getfd", "{\"fdname\":\"state\"}", fd, NULL, NULL) &&
	       qmp_send(m->qmp, command, "{\"uri\":\"fd:state\"}", reply, arg);
}

void migration_end(const struct migration *m)
{
	if (m->fdset)
		(void)qmp_send(m->qmp, "remove-fd", "{\"fdset-id\":" FDSET "}", NULL, NULL);
	(void)set_capabilities(m, false);
}
