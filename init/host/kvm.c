/* kvm.c - see kvm.h: the device node, the child that tries it, and the time it is given. */
#include "host/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "host/kvm_internal.h"

/* The wait in all, in bounds. */
#define PATIENCE 5

/* Make sure that DEVICE is KVM's device node. QEMU is handed a descriptor, so that no other user
 * needs a node we make; one that is there may be the host's and stays as it is. Opening is left to
 * the child, but of something else not even that is tried: to open a watchdog starts it. */
static bool find_node(const char *device, struct kvm_result *r)
{
	const dev_t kvm = makedev(KVM_DEVICE_MAJOR, KVM_DEVICE_MINOR);
	struct stat st;

	r->step = "stat";
	if (stat(device, &st) == 0) {
		r->verdict = KVM_NOT_KVM;
		return S_ISCHR(st.st_mode) && st.st_rdev == kvm;
	}
	r->verdict = errno == EACCES ? KVM_DENIED : KVM_ABSENT;
	r->error = errno;
	if (errno != ENOENT)
		return false;
	r->step = "mknod";
	if (mknod(device, S_IFCHR | 0600, kvm) != 0) {
		r->error = errno;
		return false;
	}
	r->error = 0;
	r->made_node = true;
	return true;
}

/* Processor time that PID has used, in nanoseconds; WALL if the kernel does not tell. A guest's
 * time is its processor's thread's. */
static uint64_t time_used(pid_t pid, uint64_t wall)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return wall;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Until the child says something or ends (true), or its time is over (false). */
static bool await(pid_t pid, int pipe_fd, unsigned bound_ms)
{
	const uint64_t bound = bound_ms * UINT64_C(1000000);
	const uint64_t start = clock_now();
	struct pollfd p = {.fd = pipe_fd, .events = POLLIN};

	for (;;) {
		uint64_t wall = clock_now() - start;
		uint64_t used = time_used(pid, wall);

		if (used >= bound || wall >= PATIENCE * bound)
			return false;
		uint64_t left = bound - used;

		if (left > PATIENCE * bound - wall)
			left = PATIENCE * bound - wall;
		int ready = poll(&p, 1, (int)((left + 999999) / 1000000));

		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
	}
}

/* The child. The descriptors of ours that it holds would outlive our closing them. */
static _Noreturn void try_it(const char *device, struct kvm_proof *p, int answer, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || dup2(answer, 0) < 0)
		_exit(1);
	close_from(1);
	p->verdict = kvm_run_code(device, p);
	p->done = true;
	(void)write_all(0, "", 1);
	_exit(0);
}

static void take_answer(struct kvm_result *r, const struct kvm_proof *p, pid_t pid, bool ended)
{
	int status = 0;

	if (!ended)
		(void)kill(pid, SIGKILL);
	r->verdict = p->done ? p->verdict : ended ? KVM_REFUSED : KVM_TOO_SLOW;
	r->step = p->step;
	r->error = p->error;
	r->exit_reason = p->exit_reason;
	r->loop_ns = p->loop_ns;
	r->quick_ns = p->quick_ns;
	/* One that ended without an answer was killed. Only then is its end awaited: it has come.
	 */
	bool died = ended && !p->done;

	while (waitpid(pid, &status, died ? 0 : WNOHANG) < 0 && errno == EINTR)
		continue;
	if (died && WIFSIGNALED(status))
		r->signal = WTERMSIG(status);
}

static void prove_in_child(const char *device, unsigned bound_ms, struct kvm_result *r)
{
	int fds[2] = {-1, -1};
	pid_t parent = getpid();
	struct kvm_proof *p =
		mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = -1;

	r->verdict = KVM_REFUSED;
	r->step = "fork";
	if (p != MAP_FAILED && pipe2(fds, O_CLOEXEC) == 0) {
		*p = (struct kvm_proof){.step = "fork", .exit_reason = -1};
		pid = fork();
	}
	if (pid < 0)
		r->error = errno;
	if (pid == 0)
		try_it(device, p, fds[1], parent);
	fd_close(&fds[1]);
	if (pid > 0)
		take_answer(r, p, pid, await(pid, fds[0], bound_ms));
	fd_close(&fds[0]);
	if (p != MAP_FAILED)
		(void)munmap(p, sizeof *p);
}

bool kvm_prove(const char *device, unsigned bound_ms, struct kvm_result *out)
{
	*out = (struct kvm_result){.verdict = KVM_WRONG_HOST, .step = "host", .exit_reason = -1};
	if (KVM_HOST_FITS && find_node(device, out))
		prove_in_child(device, bound_ms, out);
	kvm_explain(device, bound_ms, out);
	/* For a node of ours that does not open there is no use. */
	if (out->made_node && (out->verdict == KVM_ABSENT || out->verdict == KVM_DENIED))
		(void)unlink(device);
	return out->verdict == KVM_WORKS;
}
