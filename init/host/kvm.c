/* kvm.c - see kvm.h; kernel Documentation/virt/kvm/api.rst.
 *
 * A child makes a virtual machine of one page and one CPU and runs a few instructions in it: a
 * value computed from a seed that only this run knows goes to an I/O port, then a million turns of
 * a loop, then HLT. The CPU is in 32-bit protected mode, not in real mode, which hosts without
 * "unrestricted guest" emulate instruction by instruction: they would look broken and are not.
 *
 * The child writes down each step before it takes it, in memory that the parent shares, so that
 * one that hangs in the kernel or dies still tells where. The parent waits on a pipe that closes
 * with the child, for as long as it was told, and then kills it.
 */
#include "host/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define KVM_MAJOR 10
#define KVM_MINOR 232

#ifdef __x86_64__

#include <linux/kvm.h>

#define CODE_AT 0x1000u
#define PORT	0x2f8u
#define TURNS	1000000u

/* The guest's code. In: ebx the seed, dx the port. */
static const uint8_t code[] = {
	0x69, 0xc3, 0x0d, 0x66, 0x19, 0x00, /* imul eax, ebx, 1664525 */
	0x05, 0x5f, 0xf3, 0x6e, 0x3c,	    /* add  eax, 1013904223 */
	0xef,				    /* out  dx, eax */
	0xb9, 0x40, 0x42, 0x0f, 0x00,	    /* mov  ecx, 1000000 */
	0x49,				    /* dec  ecx */
	0x75, 0xfd,			    /* jnz  the dec */
	0xf4,				    /* hlt */
};

static uint32_t expected(uint32_t seed)
{
	return seed * 1664525u + 1013904223u;
}

/* Before and after each step. */
static int step(struct kvm_result *r, const char *name, int result)
{
	(void)snprintf(r->step, sizeof r->step, "%s", name);
	r->error = result < 0 ? errno : 0;
	return result;
}

#define STEP(r, name, call) (step(r, name, 0), step(r, name, call))

static bool load_code(struct kvm_result *r, int vm, int vcpu, uint32_t seed)
{
	uint8_t *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = CODE_AT, .memory_size = 4096, .userspace_addr = (uintptr_t)page};
	struct kvm_segment data = {.limit = 0xffffffff,
				   .selector = 0x10,
				   .type = 3,
				   .present = 1,
				   .db = 1,
				   .s = 1,
				   .g = 1};
	struct kvm_segment text = data;
	struct kvm_regs regs = {.rip = CODE_AT, .rbx = seed, .rdx = PORT, .rflags = 2};
	struct kvm_sregs sregs;
	int get_sregs = (int)KVM_GET_SREGS; /* bit 31 is set, and musl's ioctl() takes an int */

	if (page == MAP_FAILED)
		return false;
	memcpy(page, code, sizeof code);
	text.selector = 0x08;
	text.type = 11;
	if (STEP(r, "KVM_SET_USER_MEMORY_REGION", ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region)) <
		    0 ||
	    STEP(r, "KVM_GET_SREGS", ioctl(vcpu, get_sregs, &sregs)) < 0)
		return false;
	sregs.cs = text;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1; /* protected mode, no paging */
	return STEP(r, "KVM_SET_SREGS", ioctl(vcpu, KVM_SET_SREGS, &sregs)) >= 0 &&
	       STEP(r, "KVM_SET_REGS", ioctl(vcpu, KVM_SET_REGS, &regs)) >= 0;
}

/* Let it run to the next exit, which must be WANTED. */
static bool run_to(struct kvm_result *r, int vcpu, const volatile struct kvm_run *run,
		   uint32_t wanted)
{
	int got;

	do
		got = STEP(r, "KVM_RUN", ioctl(vcpu, KVM_RUN, 0));
	while (got < 0 && r->error == EINTR);
	if (got < 0)
		return false;
	r->exit_reason = (int)run->exit_reason;
	return run->exit_reason == wanted;
}

static enum kvm_verdict run_code(struct kvm_result *r, int vcpu, struct kvm_run *run, uint32_t seed)
{
	r->verdict = KVM_BROKEN;
	if (!run_to(r, vcpu, run, KVM_EXIT_IO))
		return KVM_BROKEN;
	uint32_t value;

	memcpy(&value, (char *)run + run->io.data_offset, sizeof value);
	if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4 || run->io.port != PORT ||
	    value != expected(seed)) {
		(void)step(r, "the value computed", 0);
		return KVM_BROKEN;
	}
	uint64_t start = clock_now();

	if (!run_to(r, vcpu, run, KVM_EXIT_HLT))
		return KVM_BROKEN;
	r->loop_ns = clock_now() - start;
	return KVM_WORKS;
}

/* The whole proof, in the child. */
static enum kvm_verdict prove(struct kvm_result *r, const char *device)
{
	uint32_t seed = (uint32_t)clock_now();
	uint64_t identity_map = 0xfffbc000;
	int kvm = STEP(r, "open", open(device, O_RDWR | O_CLOEXEC));

	if (kvm < 0)
		return KVM_DENIED;
	int version = STEP(r, "KVM_GET_API_VERSION", ioctl(kvm, KVM_GET_API_VERSION, 0));

	if (version != KVM_API_VERSION)
		return KVM_NOT_KVM;
	int vm = STEP(r, "KVM_CREATE_VM", ioctl(kvm, KVM_CREATE_VM, 0));

	/* Where Intel CPUs without unrestricted guest keep what they need; others do not mind. */
	if (vm < 0 ||
	    STEP(r, "KVM_SET_IDENTITY_MAP_ADDR",
		 ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map)) < 0 ||
	    STEP(r, "KVM_SET_TSS_ADDR", ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000)) < 0)
		return KVM_REFUSED;
	int vcpu = STEP(r, "KVM_CREATE_VCPU", ioctl(vm, KVM_CREATE_VCPU, 0));
	int size = STEP(r, "KVM_GET_VCPU_MMAP_SIZE", ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));

	if (vcpu < 0 || size < (int)sizeof(struct kvm_run))
		return KVM_REFUSED;
	struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	if (run == MAP_FAILED || !load_code(r, vm, vcpu, seed))
		return KVM_REFUSED;
	return run_code(r, vcpu, run, seed);
}

#else

static enum kvm_verdict prove(struct kvm_result *r, const char *device)
{
	(void)r, (void)device;
	return KVM_WRONG_HOST;
}

#endif

/* Wait until the child has ended, at most BOUND_MS; then end it. False when it had to be killed. */
static bool await_child(pid_t pid, int pipe_fd, unsigned bound_ms)
{
	struct pollfd p = {.fd = pipe_fd};
	uint64_t end = clock_now() + bound_ms * UINT64_C(1000000);
	int ready;

	do {
		uint64_t now = clock_now();

		ready = poll(&p, 1, now < end ? (int)((end - now + 999999) / 1000000) : 0);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return ready != 0;
}

static void prove_in_child(const char *device, unsigned bound_ms, struct kvm_result *out)
{
	int fds[2];
	struct kvm_result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED || pipe2(fds, O_CLOEXEC) != 0)
		return;
	*shared = *out;
	shared->verdict = KVM_REFUSED;
	pid_t pid = fork();

	if (pid == 0) {
		shared->verdict = prove(shared, device);
		_exit(0);
	}
	(void)close(fds[1]);
	if (pid > 0) {
		bool ended = await_child(pid, fds[0], bound_ms);

		*out = *shared;
		if (!ended)
			out->verdict = KVM_TOO_SLOW;
	}
	(void)close(fds[0]);
	(void)munmap(shared, sizeof *shared);
}

/* The line for people. */
static void explain(const char *device, unsigned bound_ms, struct kvm_result *r)
{
	char *to = r->reason;
	size_t size = sizeof r->reason;
	const char *why = r->error ? strerror(r->error) : "";

	switch (r->verdict) {
	case KVM_WORKS:
		(void)snprintf(to, size, "%s ran a million turns of a loop in %.2f ms%s", device,
			       (double)r->loop_ns / 1e6,
			       r->made_node ? " (the node was made here)" : "");
		break;
	case KVM_ABSENT:
		(void)snprintf(to, size,
			       "%s is not there and cannot be made (%s); docker run --device "
			       "/dev/kvm gives it, if the host has KVM",
			       device, why);
		break;
	case KVM_DENIED:
		if (r->made_node && (r->error == ENODEV || r->error == ENXIO))
			(void)snprintf(to, size, "the host has no KVM: nothing is behind %s (%s)",
				       device, why);
		else
			(void)snprintf(
				to, size,
				"%s cannot be opened (%s); docker run --device /dev/kvm allows it",
				device, why);
		break;
	case KVM_NOT_KVM:
		(void)snprintf(to, size, "%s is something else than KVM: %s%s%s", device, r->step,
			       r->error ? ": " : " gives another version", why);
		break;
	case KVM_REFUSED:
		(void)snprintf(to, size, "%s opens, but %s failed%s%s%s", device, r->step,
			       r->error ? " (" : "", why,
			       r->error == EBUSY ? "; another hypervisor has the CPU)"
			       : r->error	 ? ")"
						 : "");
		break;
	case KVM_BROKEN:
		(void)snprintf(to, size,
			       "%s opens, but does not run code as it should: %s%s%s, exit reason "
			       "%d; nested or emulated virtualisation?",
			       device, r->step, r->error ? ": " : " is wrong", why, r->exit_reason);
		break;
	case KVM_TOO_SLOW:
		(void)snprintf(to, size,
			       "%s opens, but is too slow: %s was not through after %u ms, where a "
			       "working one needs 2; nested or emulated virtualisation?",
			       device, r->step, bound_ms);
		break;
	case KVM_WRONG_HOST:
		(void)snprintf(to, size,
			       "KVM of this host cannot run x86 code: the host is not x86-64");
		break;
	}
}

/* Make the node when it is absent (QEMU.md: compose allows it by device_cgroup_rules). A node that
 * is there is the host's: it stays as it is. */
static bool ensure_node(const char *device, struct kvm_result *r)
{
	struct stat st;

	if (stat(device, &st) == 0 || errno != ENOENT)
		return true;
	if (mknod(device, S_IFCHR | 0600, makedev(KVM_MAJOR, KVM_MINOR)) != 0) {
		r->error = errno;
		return false;
	}
	r->made_node = true;
	return true;
}

bool kvm_prove(const char *device, unsigned bound_ms, struct kvm_result *out)
{
	*out = (struct kvm_result){.verdict = KVM_REFUSED, .exit_reason = -1, .step = "fork"};
#ifdef __x86_64__
	if (!ensure_node(device, out)) {
		out->verdict = KVM_ABSENT;
		(void)snprintf(out->step, sizeof out->step, "mknod");
	} else {
		prove_in_child(device, bound_ms, out);
	}
#else
	out->verdict = prove(out, device);
#endif
	/* What does not open is of no use to anybody either. */
	if (out->made_node && out->verdict == KVM_DENIED)
		(void)unlink(device);
	explain(device, bound_ms, out);
	return out->verdict == KVM_WORKS;
}
