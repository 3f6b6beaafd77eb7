/* retry.c - a boot that was late is tried again, from the disk as it was before. (life.h)
 *
 * Before the guest runs for the first time, QEMU makes an internal snapshot of the disk (QMP
 * blockdev-snapshot-internal-sync; tables only, no data). When the guest is ready it is deleted;
 * when the boot is late, QEMU is ended, `qemu-img snapshot -a` takes the disk back, and another
 * QEMU starts. One that was left by a PID 1 that was killed is deleted at the next start: what the
 * guest wrote since is its disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/supervisor.h"

#define SNAPSHOT "vm-boot"
#define FOR_DISK "{\"device\":\"disk0\",\"name\":\"" SNAPSHOT "\"}"

/* qemu-img gets the disk's descriptor under this number. */
#define IMG_FD 3

bool retry_possible(const struct plan *plan, struct error *err)
{
	const struct disk_layer *top = &plan->disk.layers[0];

	if (plan->s.boot_retries == 0 || plan->disk.count == 0 ||
	    (top->format == FORMAT_QCOW2 && top->writable))
		return true;
	return error_set(err, EXIT_BAD_SETTING,
			 "use QEMU_DISK_MODE=throwaway, or convert the image to qcow2",
			 "VM_BOOT_RETRIES=%ld: a raw disk cannot be taken back to what it was",
			 plan->s.boot_retries);
}

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
	char path[4096];
	/* Not the backing file that the image names: tables are all that changes. */
	char *argv[] = {path,
			(char *)"snapshot",
			(char *)"-a",
			(char *)SNAPSHOT,
			(char *)"json:{\"driver\":\"qcow2\",\"backing\":null,\"file\":{\"driver\":"
				"\"file\",\"filename\":\"/proc/self/fd/3\"}}",
			NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	struct child c = {.path = path, .argv = argv, .envp = envp, .no_core = true};

	if (!find_program(getenv("PATH"), "qemu-img", path, sizeof path))
		return error_set(err, EXIT_QEMU_FAILED, "install qemu-img (Debian: qemu-utils)",
				 "VM_BOOT_RETRIES needs qemu-img, which is not on PATH");
	disk_unlock(&v->plan->disk);
	c.fds[c.fd_count++] = (struct child_fd){.from = v->plan->disk.layers[0].fd, .to = IMG_FD};
	return helper_start(v, HELPER_DISK, "qemu-img", &c, on_reverted, err);
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
