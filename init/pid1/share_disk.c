/* share_disk.c - see share_disk.h. */
#include "pid1/share_disk.h"

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
#include "pid1/env.h"
#include "pid1/helper.h"

/* xorriso writes to this descriptor. */
#define OUT_FD 3
/* The unit of `ulimit -f` is 512 bytes (POSIX). */
#define BLOCKS_PER_MIB 2048

static void on_made(void *arg, int status, const char *line)
{
	struct share_disk *d = arg;
	struct plan *plan = d->env->plan;
	const struct settings *s = &plan->s;
	struct error err = {0};
	struct stat st = {0};
	off_t most = (off_t)s->share_size << 20;

	(void)fstat(plan->share_out, &st);
	fd_close(&plan->share_out);
	d->making = false;
	if (d->env->life->signalled)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		log_info("SHARE_DIR=%s is a read-only disk of %.1f MiB for the guest", s->share_dir,
			 (double)st.st_size / (1 << 20));
		post(d->env, NOTICE_SHARE_MADE);
		return;
	}
	if (st.st_size >= most)
		(void)error_set(&err, EXIT_BAD_SETTING, "raise VM_SHARE_SIZE, or use VM_SHARE=9p",
				"SHARE_DIR=%s does not fit into VM_SHARE_SIZE=%ld MiB",
				s->share_dir, s->share_size);
	else
		(void)error_set(&err, EXIT_NO_PERMISSION,
				"make its files readable for VM_UID, and free space in VM_TMP_DIR",
				"no CD-ROM image of SHARE_DIR=%s can be made in VM_TMP_DIR=%s%s%s",
				s->share_dir, s->tmp_dir, line[0] ? ": " : "", line);
	error_report(&err);
	post(d->env, NOTICE_SHARE_FAILED, .value = err.status);
}

/* Open the file twice: for xorriso, and read-only, as QEMU wants it for a read-only drive. */
static bool open_file(struct plan *plan, struct error *err)
{
	char path[32];

	plan->share_out = disk_open_anonymous(plan->s.tmp_dir, 0600);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", plan->share_out);
	if (plan->share_out >= 0)
		plan->share_fd = open(path, O_RDONLY | O_CLOEXEC);
	return plan->share_fd >= 0 ||
	       error_set(err, EXIT_NO_PERMISSION,
			 "give the container a writable VM_TMP_DIR with room (docker run --tmpfs "
			 "/var/tmp)",
			 "VM_TMP_DIR=%s: no CD-ROM image of SHARE_DIR can be made there: %s",
			 plan->s.tmp_dir, strerror(errno));
}

void share_disk_init(struct share_disk *d, const struct env *env)
{
	*d = (struct share_disk){.env = env};
}

bool share_disk_wanted(const struct share_disk *d)
{
	return env_settings(d->env)->share == SHARE_DISK;
}

bool share_disk_make(struct share_disk *d, struct error *err)
{
	struct plan *plan = d->env->plan;
	char blocks[24];
	char sh[4096];
	/* -R keeps owners and modes; -J is for systems without Rock Ridge. */
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

	(void)snprintf(blocks, sizeof blocks, "%ld", plan->s.share_size * BLOCKS_PER_MIB);
	if (!find_program(getenv("PATH"), "sh", sh, sizeof sh))
		return error_set(err, EXIT_INTERNAL, "set PATH so that sh is found",
				 "there is no sh on PATH");
	if (!open_file(plan, err))
		return false;
	c.fds[c.fd_count++] = (struct child_fd){.from = plan->share_out, .to = OUT_FD};
	d->making = helper_start(d->env->helpers, HELPER_SHARE, "xorriso", &c, on_made, d, err);
	return d->making;
}
