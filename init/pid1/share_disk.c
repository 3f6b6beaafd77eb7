/* share_disk.c - VM_SHARE=disk: what is in SHARE_DIR, as a CD-ROM for guests that have no 9p.
 *
 * Before QEMU starts, xorriso makes an ISO 9660 file system of it, as QEMU's user, into a file
 * without a name in VM_TMP_DIR, no larger than VM_SHARE_SIZE (ulimit -f). The loop goes on
 * meanwhile; QEMU, which is not there yet, counts as ended and about to be started again
 * (supervisor.h, retrying).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

/* Where xorriso writes. */
#define OUT_FD 3
/* What `ulimit -f` counts in (POSIX). */
#define BLOCKS_PER_MIB 2048

static void give_up(struct supervisor *v, const struct error *err)
{
	error_report(err);
	v->share_failed = err->status;
}

static void on_made(struct supervisor *v, int status, const char *line)
{
	struct plan *plan = v->plan;
	const struct settings *s = &plan->s;
	struct error err = {0};
	struct stat st = {0};
	off_t most = (off_t)s->share_size << 20;

	(void)fstat(plan->share_out, &st);
	fd_close(&plan->share_out);
	v->retrying = false;
	if (v->signalled)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		log_info("SHARE_DIR=%s is a read-only disk of %.1f MiB for the guest", s->share_dir,
			 (double)st.st_size / (1 << 20));
		v->qemu_ended = false;
		if (!supervisor_spawn(v, &err))
			give_up(v, &err);
		return;
	}
	if (st.st_size >= most)
		(void)error_set(&err, EXIT_BAD_SETTING, "raise VM_SHARE_SIZE, or use VM_SHARE=9p",
				"SHARE_DIR=%s does not fit into VM_SHARE_SIZE=%ld MiB",
				s->share_dir, s->share_size);
	else
		(void)error_set(&err, EXIT_NO_PERMISSION,
				"its files must be readable for VM_UID, and VM_TMP_DIR needs room",
				"SHARE_DIR=%s cannot be made a disk in VM_TMP_DIR=%s%s%s",
				s->share_dir, s->tmp_dir, line[0] ? ": " : "", line);
	give_up(v, &err);
}

/* The file, once for the writer and once read-only, as QEMU wants it for a read-only drive. */
static bool open_file(struct plan *plan, struct error *err)
{
	char path[32];

	plan->share_out = disk_open_nameless(plan->s.tmp_dir, 0600);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", plan->share_out);
	if (plan->share_out >= 0)
		plan->share_fd = open(path, O_RDONLY | O_CLOEXEC);
	return plan->share_fd >= 0 ||
	       error_set(err, EXIT_NO_PERMISSION,
			 "give the container a writable VM_TMP_DIR with room (docker run --tmpfs "
			 "/var/tmp)",
			 "VM_TMP_DIR=%s: no disk can be made there of SHARE_DIR: %s",
			 plan->s.tmp_dir, strerror(errno));
}

bool share_make(struct supervisor *v, struct error *err)
{
	struct plan *plan = v->plan;
	char blocks[24];
	char sh[4096];
	/* -R keeps owners and modes, -J is for systems without Rock Ridge. */
	char *argv[] = {sh,
			(char *)"-c",
			(char *)"ulimit -f \"$1\" && exec xorriso -as mkisofs -quiet -R -J "
				"-joliet-long -V SHARE -o - \"$2\" >&3",
			(char *)"sh",
			blocks,
			(char *)(uintptr_t)plan->s.share_dir,
			NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"HOME=/nonexistent",
			(char *)"LC_ALL=C.UTF-8", NULL};
	struct child c = {.path = sh,
			  .argv = argv,
			  .envp = envp,
			  .identity = &plan->identity,
			  .no_core = true};

	if (plan->s.share != SHARE_DISK)
		return supervisor_spawn(v, err);
	(void)snprintf(blocks, sizeof blocks, "%ld", plan->s.share_size * BLOCKS_PER_MIB);
	if (!find_program(getenv("PATH"), "sh", sh, sizeof sh))
		return error_set(err, EXIT_INTERNAL, "", "there is no sh on PATH");
	if (!open_file(plan, err))
		return false;
	c.fds[c.fd_count++] = (struct child_fd){.from = plan->share_out, .to = OUT_FD};
	v->qemu_ended = v->retrying = true;
	return helper_start(v, HELPER_SHARE, "xorriso", &c, on_made, err);
}

void share_cancel(struct supervisor *v)
{
	if (v->helpers[HELPER_SHARE].pid > 0)
		(void)kill(-v->helpers[HELPER_SHARE].pid, SIGKILL);
}
