/* boot_retry.c - a boot that was late is tried again, from the disk as it was before. (readiness.h)
 *
 * Before the guest runs for the first time, QEMU makes an internal snapshot of the disk (QMP
 * blockdev-snapshot-internal-sync; tables only, no data). When the guest is ready it is deleted;
 * when the boot is late, QEMU is ended, `qemu-img snapshot -a` takes the disk back, and another
 * QEMU starts. One that was left by a PID 1 that was killed is deleted at the next start: what the
 * guest wrote since is its disk.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "host/qemu_img.h"
#include "pid1/supervisor.h"

#define SNAPSHOT "vm-boot"
#define FOR_DISK "{\"device\":\"disk0\",\"name\":\"" SNAPSHOT "\"}"

static bool keeps(const struct supervisor *v)
{
	return v->plan->s.boot_retries > 0 && v->plan->disk.count > 0;
}

static void on_kept(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	struct supervisor *v = arg;

	(void)q, (void)doc, (void)result;
	if (error)
		log_warning(
			"VM_BOOT_RETRIES: the state of the disk cannot be kept (%s): a late boot "
			"is not tried again",
			error);
	v->disk_kept = !error;
	v->then(v);
}

void retry_keep_disk(struct supervisor *v, void (*then)(struct supervisor *v))
{
	v->disk_kept = false;
	v->then = then;
	if (!keeps(v)) {
		then(v);
		return;
	}
	/* It fails when there is none, as is usual. */
	(void)qmp_send(&v->qmp, "blockdev-snapshot-delete-internal-sync", FOR_DISK, NULL, NULL);
	if (!qmp_send(&v->qmp, "blockdev-snapshot-internal-sync", FOR_DISK, on_kept, v))
		then(v);
}

void retry_forget_disk(struct supervisor *v)
{
	if (v->disk_kept)
		(void)qmp_send(&v->qmp, "blockdev-snapshot-delete-internal-sync", FOR_DISK, NULL,
			       NULL);
	v->disk_kept = false;
}

static void start_again(struct supervisor *v)
{
	struct error err = {0};

	log_info("starting the guest again (VM_BOOT_RETRIES=%ld, retry %ld)",
		 v->plan->s.boot_retries, v->life.attempts);
	if (supervisor_restart(v, &err))
		return;
	error_report(&err);
	v->life.attempts = v->plan->s.boot_retries + 1;
}

static void on_reverted(struct supervisor *v, int status, const char *line)
{
	v->retrying = false;
	if (v->signalled)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		start_again(v);
		return;
	}
	v->life.attempts = v->plan->s.boot_retries + 1;
	log_error("the disk cannot be taken back to what it was%s%s; its snapshot " SNAPSHOT
		  " is still in it",
		  line[0] ? ": " : "", line);
}

static bool revert(struct supervisor *v, struct error *err)
{
	struct qemu_img q;
	struct plan *plan = v->plan;

	qemu_img_begin(&q, "snapshot", plan->disk.path);
	qemu_img_words(&q, (const char *const[]){"-a", SNAPSHOT, NULL});
	qemu_img_disk(&q, &plan->disk, 1); /* tables are all that changes */
	disk_unlock(&plan->disk);
	if (plan->disk.overlays > 0) /* a file without a name, for nobody but us */
		(void)identity_own(&plan->identity, plan->disk.layers[0].fd);
	bool ok = qemu_img_prepare(&q, &plan->s, &plan->identity, err) &&
		  helper_start(v, HELPER_DISK, "qemu-img", &q.child, on_reverted, err);

	(void)qemu_img_end(&q);
	return ok;
}

void retry_cancel(const struct supervisor *v)
{
	if (v->helpers[HELPER_DISK].pid > 0)
		(void)kill(-v->helpers[HELPER_DISK].pid, SIGKILL);
}

bool retry_boot(struct supervisor *v)
{
	struct error err = {0};

	if (v->retrying)
		return true;
	if (!v->life.late || v->life.attempts > v->plan->s.boot_retries || v->signalled ||
	    (keeps(v) && !v->disk_kept))
		return false;
	if (!keeps(v)) {
		start_again(v);
		return !v->qemu_ended;
	}
	v->retrying = true;
	if (!revert(v, &err)) {
		error_report(&err);
		v->retrying = false;
	}
	return v->retrying;
}
