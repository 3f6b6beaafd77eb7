/* kvm.c - see kvm.h: the device node, the child that runs the test, and its time limit. */
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

/* Limits of the total waiting time. */
#define PATIENCE 5

/* Make sure that DEVICE is KVM's device node. QEMU receives a descriptor, so no other user needs a
 * node that we create; an existing one may be the host's and is left as it is. Opening is left to
 * the child, but anything else is not even opened: opening a watchdog starts it. */
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

/* Processor time used by PID, in nanoseconds; WALL if the kernel does not report it. A guest's time
 * is that of its processor's thread. */
static uint64_t time_used(pid_t pid, uint64_t wall)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return wall;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Wait until the child answers or ends (true), or its time limit is reached (false). */
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

/* Run the test in the child. Descriptors that it inherited would outlive ours. */
static _Noreturn void run_proof(const char *device, struct kvm_proof *p, int answer, pid_t parent)
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
	/* A child that ended without an answer was killed. Only then is it waited for, because it
	 * has
	 *  already ended.
	 */
	bool died = ended && !p->done;

	while (waitpid(pid, &status, died ? 0 : WNOHANG) < 0 && errno == EINTR)
		continue;
	if (died && WIFSIGNALED(status))
		r->signal = WTERMSIG(status);
}

static void test_in_child(const char *device, unsigned bound_ms, struct kvm_result *r)
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
		run_proof(device, p, fds[1], parent);
	fd_close(&fds[1]);
	if (pid > 0)
		take_answer(r, p, pid, await(pid, fds[0], bound_ms));
	fd_close(&fds[0]);
	if (p != MAP_FAILED)
		(void)munmap(p, sizeof *p);
}

bool kvm_test(const char *device, unsigned bound_ms, struct kvm_result *out)
{
	*out = (struct kvm_result){.verdict = KVM_WRONG_HOST, .step = "host", .exit_reason = -1};
	if (KVM_HOST_FITS && find_node(device, out))
		test_in_child(device, bound_ms, out);
	kvm_describe(device, bound_ms, out);
	/* Remove a node that we created and that cannot be opened. */
	if (out->made_node && (out->verdict == KVM_ABSENT || out->verdict == KVM_DENIED))
		(void)unlink(device);
	return out->verdict == KVM_WORKS;
}
