/* room_snapshot.h - the room that manages snapshots, on top of room.h, with an image that has a
 * snapshot table. */
#ifndef TEST_ROOM_SNAPSHOT_H
#define TEST_ROOM_SNAPSHOT_H

#include "room.h"

#include "format/bytes.h"
#include "format/qcow2.h"
#include "pid1/snapshot.h"
#include "vm/cmd.h"

static struct snapshot_work work;

static inline void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "JOB_STATUS_CHANGE") == 0)
		snapshot_on_job(&work, doc, data);
}

/* The image has snapshots with these TAGS (separated by commas), with 3 MiB of memory; those whose
 * tag begins with d have none. */
static inline void image_has(const char *tags)
{
	uint8_t head[12] = {0};
	off_t at = 4096;
	uint32_t n = 0;

	for (; *tags; n++) {
		uint8_t entry[256] = {0};
		size_t len = strcspn(tags, ",");

		entry[13] = 1;
		entry[15] = (uint8_t)len;
		put_be32(entry + 32, *tags == 'd' ? 0 : 3 << 20);
		entry[QCOW2_SNAPSHOT_ENTRY] = (uint8_t)('1' + n);
		memcpy(entry + QCOW2_SNAPSHOT_ENTRY + 1, tags, len);
		assert_int_equal(pwrite(room.plan.disk.layers[0].fd, entry, sizeof entry, at),
				 sizeof entry);
		at += (off_t)((QCOW2_SNAPSHOT_ENTRY + 1 + len + 7) & ~7u);
		tags += len + (tags[len] == ',');
	}
	put_be32(head, n);
	put_be64(head + 4, 4096);
	assert_int_equal(pwrite(room.plan.disk.layers[0].fd, head, sizeof head, 60), sizeof head);
}

static inline int set_up(void **state)
{
	char path[] = "/tmp/test-snapshot.XXXXXX";

	(void)room_set_up(state);
	room.on_event = on_event;
	room.plan.disk.count = 1;
	room.plan.disk.layers[0].fd = mkostemp(path, O_CLOEXEC);
	room.plan.disk.layers[0].format = FORMAT_QCOW2;
	(void)unlink(path);
	room.plan.s.ram_mb = 1;
	snapshot_init(&work, &room.env);
	image_has("old,disk,early+booting,cmd+busy");
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	return 0;
}

static inline int tear_down(void **state)
{
	fd_close(&room.plan.disk.layers[0].fd);
	return room_tear_down(state);
}

/* The helper has ended. */
static inline void wait_for_table(void)
{
	if (helper_pid(room.env.helpers, HELPER_SNAPSHOT))
		helper_ends(HELPER_SNAPSHOT);
}

static inline int client_sends(const char *request)
{
	int slot = client_requests();

	snapshot_request(&work, slot, request);
	wait_for_table();
	return slot;
}

#define SAVE(n, tag)                                                                               \
	"{\"job-id\":\"vm-snapshot-" n "\",\"tag\":\"" tag                                         \
	"\",\"vmstate\":\"disk0\",\"devices\":[\"disk0\"]}"
#define DELETE(n, tag)                                                                             \
	"{\"job-id\":\"vm-snapshot-" n "\",\"tag\":\"" tag "\",\"devices\":[\"disk0\"]}"

/* Job N has ended, with the member ERROR or "". */
static inline void job_concludes(int n, const char *error)
{
	char text[300];

	(void)snprintf(text, sizeof text, "{\"status\":\"concluded\",\"id\":\"vm-snapshot-%d\"}",
		       n);
	qemu_emits("JOB_STATUS_CHANGE", text);
	qemu_gets("query-jobs", NULL);
	(void)snprintf(text, sizeof text,
		       "[{\"id\":\"other\",\"error\":\"x\"},{\"id\":\"vm-snapshot-%d\"%s}]", n,
		       error);
	qemu_returns(text);
	(void)snprintf(text, sizeof text, "{\"id\":\"vm-snapshot-%d\"}", n);
	qemu_acks("job-dismiss", text);
	wait_for_table();
}

#endif
