/* handover.c - see plan/handover.h: the receiving side, in /init. */
#include "plan/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

static void give_disk(struct disk *disk, void (*give)(int *fd, void *arg), void *arg)
{
	for (int i = 0; i < disk->count; i++)
		give(&disk->layers[i].fd, arg);
}

void handover_fds(struct plan *plan, void (*give)(int *fd, void *arg), void *arg)
{
	int *const single[] = {&plan->cdrom_fd,	      &plan->cdrom2_fd,	    &plan->share_fd,
			       &plan->share_out,      &plan->net_fd,	    &plan->trace_fd,
			       &plan->kvm_fd,	      &plan->resume.stream, &plan->ram.fd,
			       &plan->ram.from,	      &plan->cold.ram.fd,   &plan->firmware.fds[0],
			       &plan->firmware.fds[1]};

	give_disk(&plan->disk, give, arg);
	for (int i = 0; i < DISKS_MORE; i++)
		give_disk(&plan->more[i], give, arg);
	give_disk(&plan->cold.disk, give, arg);
	for (size_t i = 0; i < sizeof single / sizeof *single; i++)
		if (*single[i] >= 0)
			give(single[i], arg);
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		if (plan->kernel.fds[i] >= 0)
			give(&plan->kernel.fds[i], arg);
}

static void close_at_exec(int *fd, void *arg)
{
	(void)arg;
	(void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
}

struct plan *handover_take(int fd, struct error *err)
{
	struct stat st;
	void *at = MAP_FAILED;

	if (fstat(fd, &st) == 0 && (size_t)st.st_size >= sizeof(struct handover))
		at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	fd_close(&fd);
	if (at == MAP_FAILED) {
		(void)error_set(err, EXIT_INTERNAL, "start init without --plan",
				"no plan was passed: %s", strerror(errno));
		return NULL;
	}
	const struct handover *head = at;
	char *plan = (char *)at + sizeof *head;

	if (strcmp(head->version, VM_VERSION) != 0 || head->plan_size != sizeof(struct plan) ||
	    head->size != (uint64_t)st.st_size - sizeof *head) {
		(void)error_set(err, EXIT_INTERNAL, "install both programs of one build",
				"init is of version %s, and vm of another", VM_VERSION);
		return NULL;
	}
	for (uint32_t i = 0; i < head->pointers; i++) {
		char **field = (char **)(plan + head->offsets[i]);

		*field = plan + (uintptr_t)*field;
	}
	clock_started_at(head->started);
	struct plan *p = (struct plan *)plan;

	p->s.environment = environ;
	handover_fds(p, close_at_exec, NULL);
	return p;
}
