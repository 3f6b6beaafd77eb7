/* snapshot_check.c - see snapshot_check.h. */
#include "pid1/snapshot_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "host/snapshot_table.h"
#include "pid1/env.h"
#include "proto/control.h"
#include "proto/snapshot_helper.h"

/* ---- is it possible? ----------------------------------------------------------------------- */

/* The value of NAME in /proc/PID/status, in bytes. */
static uint64_t status_bytes(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* An upper bound of the memory to be saved: what QEMU has allocated of it; pages of zeros are not
 * saved. */
static uint64_t memory_most(const struct env *env)
{
	char path[64];
	char text[4096];
	uint64_t all = (uint64_t)env->plan->s.ram_mb << 20;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)env->life->qemu);
	if (read_small(path, text, sizeof text) < 0)
		return all;
	uint64_t used = status_bytes(text, "\nRssAnon:") + status_bytes(text, "\nRssShmem:") +
			status_bytes(text, "\nVmSwap:");

	return used < all ? used : all;
}

bool snapshot_has_room(const struct env *env, uint64_t old, struct error *err)
{
	const struct disk *disk = &env->plan->disk;
	struct statvfs fs;
	uint64_t need = memory_most(env);

	if (disk->layers[0].device || fstatvfs(disk->layers[0].fd, &fs) != 0)
		return true;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize + old;

	return room >= need ||
	       error_set(err, EXIT_NO_PERMISSION, "free space there",
			 "not enough space: the memory may take %" PRIu64
			 " MiB, and the disk's file system has %" PRIu64 " MiB free",
			 (need >> 20) + 1, room >> 20);
}

static const char *why_not(const struct env *env, enum snapshot_action action)
{
	const struct lifecycle *l = env->life;

	if (lifecycle_any(l, COND_ANY_SAVE | 1u << COND_RESUMING))
		return "the guest's state is being saved or resumed";
	if (l->rung != RUNG_NONE || l->cause != CAUSE_NONE || lifecycle_is(l, COND_CHECKING_WRITES))
		return "the guest is being stopped";
	if (env->qmp->state != QMP_READY || !l->ran)
		return "the guest does not run yet";
	if (lifecycle_is(l, COND_DISK_ERROR) ||
	    (lifecycle_any(l, COND_ANY_STUCK) && action == SNAPSHOT_SAVE))
		return lifecycle_problem(l);
	return NULL;
}

bool snapshot_idle(const struct env *env, enum snapshot_action action, struct error *err)
{
	const char *why = why_not(env, action);

	return !why || error_set(err, EXIT_NOT_READY, "", "%s", why);
}

bool snapshot_possible(const struct env *env, enum snapshot_action action, const char *name,
		       struct error *err)
{
	if (env->plan->no_state.status) {
		*err = env->plan->no_state;
		return false;
	}
	if (!snapshot_name_check(name, err))
		return false;
	if (lifecycle_any(env->life, COND_ANY_SNAPSHOT))
		return error_set(err, EXIT_NOT_READY, "try again when it is done",
				 "another snapshot is at work");
	return snapshot_idle(env, action, err) && snapshots_check_disk(&env->plan->disk, err);
}

/* ---- the image's table, read by a helper -------------------------------------------------- */

struct helper_args {
	char uid[16], gid[16];
	char *argv[9];
};

/* `vm snapshot-table ACTION NAME OPTION` on the guest's disk: child C, arguments in A. */
static void table_helper(const struct env *env, const char *const words[3], struct helper_args *a,
			 struct child *c)
{
	struct plan *plan = env->plan;

	(void)snprintf(a->uid, sizeof a->uid, "%u", (unsigned)plan->identity.uid);
	(void)snprintf(a->gid, sizeof a->gid, "%u", (unsigned)plan->identity.gid);
	a->argv[0] = (char *)"vm";
	a->argv[1] = (char *)"snapshot-table";
	for (int i = 0; i < 3; i++)
		a->argv[2 + i] = (char *)(uintptr_t)words[i];
	a->argv[5] = (char *)(uintptr_t)snapshots_disk_name(&plan->disk);
	a->argv[6] = a->uid;
	a->argv[7] = a->gid;
	a->argv[8] = NULL;
	*c = (struct child){.path = plan->vm, .argv = a->argv, .envp = environ, .no_core = true};
	c->fds[c->fd_count++] =
		(struct child_fd){.from = plan->disk.layers[0].fd, .to = SNAPSHOT_HELPER_DISK};
}

bool snapshot_ask_table(const struct env *env, const char *action, const char *name, bool force,
			struct tail *said, helper_done *done, void *arg, struct error *err)
{
	const char *const words[3] = {action, name, force ? "--force" : "-"};
	struct helper_args a;
	struct child c;

	table_helper(env, words, &a, &c);
	return helper_ask(env->helpers, HELPER_SNAPSHOT, "snapshot-table", &c, said, done, arg,
			  err);
}

bool snapshot_parse_entry(const char *line, char tag[SNAPSHOT_TAG_MAX], uint64_t *memory)
{
	size_t n = strcspn(line, " ");

	if (n == 0 || n >= SNAPSHOT_TAG_MAX || line[n] != ' ')
		return false;
	memcpy(tag, line, n);
	tag[n] = '\0';
	*memory = strtoull(line + n, NULL, 10);
	return true;
}

bool snapshot_revert(const struct env *env, const char *name, helper_done *done, void *arg,
		     struct error *err)
{
	const char *const words[3] = {"revert", name, "-"};
	struct helper_args a;
	struct child c;

	table_helper(env, words, &a, &c);
	return helper_start(env->helpers, HELPER_DISK, "qemu-img", &c, done, arg, err);
}

bool snapshot_answer_list(const struct env *env, int slot, bool json, struct error *err)
{
	const char *const words[3] = {"list", "-", json ? "--json" : "-"};
	struct helper_args a;
	struct child c;
	int fd = env->control->clients[slot].fd;

	if (!snapshots_check_disk(&env->plan->disk, err))
		return false;
	table_helper(env, words, &a, &c);
	c.fds[c.fd_count++] = (struct child_fd){.from = fd, .to = STDOUT_FILENO};
	if (child_start(&c, NULL, err) < 0)
		return false;
	fd = control_release(env->control, slot);
	fd_close(&fd);
	return true;
}
