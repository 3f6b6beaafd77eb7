/* boot_retry.c - see boot_retry.h. */
#include "pid1/boot_retry.h"

#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/snapshot_check.h"

#define SNAPSHOT "vm-boot"
#define FOR_DISK "{\"device\":\"disk0\",\"name\":\"" SNAPSHOT "\"}"

static bool keeps(const struct boot_retry *r)
{
	return r->env->plan->s.boot_retries > 0 && r->env->plan->disk.count > 0;
}

static void on_kept(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	struct boot_retry *r = arg;

	(void)q, (void)doc, (void)result;
	if (error) {
		log_warning("VM_BOOT_RETRIES: the disk cannot get a snapshot (%s): a late boot is "
			    "not repeated",
			    error);
		log_line(LOG_WARNING, "  fix: ",
			 "free space on the disk's file system, or set VM_BOOT_RETRIES=0");
	}
	r->disk_kept = !error;
	post(r->env, NOTICE_DISK_KEPT);
}

void boot_retry_init(struct boot_retry *r, const struct env *env)
{
	*r = (struct boot_retry){.env = env};
}

void boot_retry_keep_disk(struct boot_retry *r)
{
	r->disk_kept = false;
	if (!keeps(r)) {
		post(r->env, NOTICE_DISK_KEPT);
		return;
	}
	/* Usually there is no such snapshot and the command fails. */
	(void)qmp_send(r->env->qmp, "blockdev-snapshot-delete-internal-sync", FOR_DISK, NULL, NULL);
	if (!qmp_send(r->env->qmp, "blockdev-snapshot-internal-sync", FOR_DISK, on_kept, r))
		post(r->env, NOTICE_DISK_KEPT);
}

void boot_retry_forget_disk(struct boot_retry *r)
{
	if (r->disk_kept)
		(void)qmp_send(r->env->qmp, "blockdev-snapshot-delete-internal-sync", FOR_DISK,
			       NULL, NULL);
	r->disk_kept = false;
}

static void start_again(struct boot_retry *r)
{
	log_info("starting the guest again (VM_BOOT_RETRIES=%ld, retry %ld)",
		 env_settings(r->env)->boot_retries, r->attempts);
	post(r->env, NOTICE_BOOT_AGAIN);
}

void boot_retry_failed(struct boot_retry *r)
{
	r->attempts = env_settings(r->env)->boot_retries + 1;
}

void boot_retry_late(struct boot_retry *r)
{
	r->attempts++;
}

bool boot_retry_left(const struct boot_retry *r)
{
	return r->attempts <= env_settings(r->env)->boot_retries;
}

static void on_reverted(void *arg, int status, const char *line)
{
	struct boot_retry *r = arg;

	r->reverting = false;
	if (r->env->life->signalled)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		start_again(r);
		return;
	}
	boot_retry_failed(r);
	log_error("the disk cannot be reverted%s%s; its snapshot " SNAPSHOT " is still in it",
		  line[0] ? ": " : "", line);
	log_line(LOG_ERROR,
		 "  fix: ", "stop the container, then: qemu-img snapshot -a " SNAPSHOT " IMAGE");
}

static bool revert(struct boot_retry *r, struct error *err)
{
	struct plan *plan = r->env->plan;

	disk_unlock(&plan->disk);
	if (plan->disk.overlays > 0) /* a file without a name cannot be opened by qemu-img */
		(void)identity_chown(&plan->identity, plan->disk.layers[0].fd);
	return snapshot_revert(r->env, SNAPSHOT, on_reverted, r, err);
}

bool boot_retry_begin(struct boot_retry *r)
{
	const struct lifecycle *l = r->env->life;
	struct error err = {0};

	if (r->reverting)
		return true;
	if (l->verdict != VERDICT_LATE || !boot_retry_left(r) || l->signalled ||
	    (keeps(r) && !r->disk_kept))
		return false;
	if (!keeps(r)) {
		start_again(r);
		return !l->qemu_ended;
	}
	r->reverting = true;
	if (!revert(r, &err)) {
		error_report(&err);
		r->reverting = false;
	}
	return r->reverting;
}
