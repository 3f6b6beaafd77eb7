/* kvm_machine.c - the proof itself: a virtual machine of one page and one processor that computes a
 * value from a seed which only this run knows, gives it to the host, counts down from a thousand a
 * few times, then from a million. Kernel: Documentation/virt/kvm/api.rst.
 *
 * A KVM that emulates each instruction takes more than a second for the million. The short counts
 * tell it in milliseconds. Whatever disturbs one (an interrupt, an outer hypervisor that gives the
 * processor to another guest) only makes it longer, and hits the microsecond that it takes on a
 * working KVM rarely: so the shortest counts, in this thread's processor time, and a pair without
 * turns gives what the exits take. Only what is beyond all doubt is refused here: the rest has to
 * finish the million in time.
 */
#include "host/kvm_internal.h"

#if defined(__x86_64__) || defined(__aarch64__)

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "base/log.h"

#define FACTOR 1664525u
#define ADDEND 1013904223u

#define TURNS	1000000u
#define QUICK	1000u /* iterations of a short count */
#define ROUNDS	3     /* maximum number of short counts */
#define FAST_NS 50000 /* limit of the million, scaled to a short count */

struct machine {
	struct kvm_proof *p;
	int kvm, vm, cpu;
	struct kvm_run *run;
};

/* Perform one step, whose name is recorded first. Retries on EINTR, which KVM_CREATE_VM returns for
 * any signal (QEMU: accel/kvm/kvm-all.c). */
static int step(struct machine *m, const char *name, int fd, unsigned long request, uintptr_t arg)
{
	int got;

	m->p->step = name;
	m->p->error = 0;
	do
		got = ioctl(fd, request, arg);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		m->p->error = errno;
	return got;
}

#define STEP(m, fd, request, arg) step(m, #request, fd, request, (uintptr_t)(arg))

static bool map(struct machine *m, const char *name, void **at, size_t size, int flags, int fd)
{
	m->p->step = name;
	*at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	m->p->error = *at == MAP_FAILED ? errno : 0;
	return *at != MAP_FAILED;
}

/* The processor of M->vm, and what the kernel tells of its exits. */
static bool make_cpu(struct machine *m)
{
	void *run;

	m->cpu = STEP(m, m->vm, KVM_CREATE_VCPU, 0);
	int size = m->cpu < 0 ? -1 : STEP(m, m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < (int)sizeof *m->run || !map(m, "mmap", &run, (size_t)size, MAP_SHARED, m->cpu))
		return false;
	m->run = run;
	return true;
}

/* The N bytes at TEXT into the machine's only memory, SIZE bytes at physical address AT. */
static bool load_code(struct machine *m, const void *text, size_t n, uint64_t at, size_t size)
{
	void *page;

	if (!map(m, "mmap", &page, size, MAP_PRIVATE | MAP_ANONYMOUS, -1))
		return false;
	memcpy(page, text, n);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = at, .memory_size = size, .userspace_addr = (uintptr_t)page};

	return STEP(m, m->vm, KVM_SET_USER_MEMORY_REGION, &region) >= 0;
}

/* On to the next exit, which must be WANTED. */
static bool run_to(struct machine *m, uint32_t wanted)
{
	if (STEP(m, m->cpu, KVM_RUN, 0) < 0)
		return false;
	m->p->exit_reason = (int)m->run->exit_reason;
	return m->run->exit_reason == wanted;
}

#ifdef __x86_64__

/* The processor is put into 32-bit protected mode before it runs. Real mode, in which one comes out
 * of reset, is emulated instruction by instruction on Intel hosts without "unrestricted guest"
 * (before Westmere, or hidden by an outer hypervisor): these would look too slow and are not.
 */
#define PAGE	4096u
#define CODE_AT 0x1000u
#define PORT	0x2f8u

/* In: ebx the seed, edx the port. */
static const uint8_t code[] = {
	0x69, 0xc3, 0x0d, 0x66, 0x19, 0x00, /* imul eax, ebx, FACTOR */
	0x05, 0x5f, 0xf3, 0x6e, 0x3c,	    /* add eax, ADDEND */
	0xef,				    /* out dx, eax */
	0x49,				    /* dec ecx, which the host sets */
	0x75, 0xfd,			    /* jnz to the dec */
	0xef,				    /* out dx, eax */
	0xf4,				    /* hlt */
};
#define LOOP_AT (CODE_AT + 12)

static bool make_machine(struct machine *m)
{
	uint64_t identity_map = 0xfffbc000;

	m->vm = STEP(m, m->kvm, KVM_CREATE_VM, 0);
	/* Four pages that Intel hosts without unrestricted guest need, where QEMU has them too
	 * (target/i386/kvm/kvm.c); the others do not mind. */
	return m->vm >= 0 && STEP(m, m->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) >= 0 &&
	       STEP(m, m->vm, KVM_SET_TSS_ADDR, 0xfffbd000) >= 0 && make_cpu(m);
}

/* The page with the code, and the processor's state: flat segments, no paging, caches on. */
static bool load(struct machine *m, uint32_t seed)
{
	struct kvm_segment flat = {.limit = 0xffffffff, .present = 1, .db = 1, .s = 1, .g = 1};
	struct kvm_regs regs = {.rip = CODE_AT, .rbx = seed, .rdx = PORT, .rflags = 2};
	struct kvm_sregs sregs;

	if (!load_code(m, code, sizeof code, CODE_AT, PAGE) ||
	    STEP(m, m->cpu, KVM_GET_SREGS, &sregs) < 0)
		return false;
	flat.selector = 0x10;
	flat.type = 3; /* data, written and accessed */
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat;
	flat.selector = 0x08;
	flat.type = 11; /* code, read and accessed */
	sregs.cs = flat;
	sregs.cr0 = 0x11; /* PE, ET */
	return STEP(m, m->cpu, KVM_SET_SREGS, &sregs) >= 0 &&
	       STEP(m, m->cpu, KVM_SET_REGS, &regs) >= 0;
}

static bool computes(struct machine *m, uint32_t wanted)
{
	uint32_t value;

	if (!run_to(m, KVM_EXIT_IO))
		return false;
	memcpy(&value, (char *)m->run + m->run->io.data_offset, sizeof value);
	if (m->run->io.direction == KVM_EXIT_IO_OUT && m->run->io.size == sizeof value &&
	    m->run->io.port == PORT && value == wanted)
		return true;
	m->p->step = "the value";
	return false;
}

/* Run TURNS iterations, to the port. Each count begins at the loop, regardless of the last exit. */
static bool count(struct machine *m, uint32_t turns)
{
	struct kvm_regs regs;

	if (STEP(m, m->cpu, KVM_GET_REGS, &regs) < 0)
		return false;
	regs.rcx = turns;
	regs.rip = LOOP_AT;
	return STEP(m, m->cpu, KVM_SET_REGS, &regs) >= 0 && run_to(m, KVM_EXIT_IO);
}

static bool ends(struct machine *m)
{
	struct kvm_regs regs;

	if (!run_to(m, KVM_EXIT_HLT) || STEP(m, m->cpu, KVM_GET_REGS, &regs) < 0)
		return false;
	if (regs.rcx == 0 && regs.rip == CODE_AT + sizeof code)
		return true;
	m->p->step = "the count";
	return false;
}

#else

/* A processor out of reset: EL1, no translation. A page may have 64 KiB. There is no interrupt
 * controller, and nothing behind PORT: an access to it is an exit to us. */
#define PAGE	0x10000u
#define CODE_AT 0x10000u
#define PORT	0x9000000u

/* In: w0 the seed, x1 the port, w2 FACTOR, w3 ADDEND. */
static const uint32_t code[] = {
	0x1b020c00, /* madd w0, w0, w2, w3 */
	0xb9000020, /* str w0, [x1] */
	0xb9400024, /* again: ldr w4, [x1], which the host sets */
	0x71000484, /* turn: subs w4, w4, #1 */
	0x54ffffe1, /* b.ne turn */
	0xb9000024, /* str w4, [x1] */
	0x17fffffc, /* b again */
};

/* A machine has 40 bits of addresses, unless the processor has fewer. */
static bool make_machine(struct machine *m)
{
	struct kvm_vcpu_init init;
	int bits = ioctl(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	m->vm = STEP(m, m->kvm, KVM_CREATE_VM,
		     bits > 0 && bits < 40 ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned)bits) : 0);
	return m->vm >= 0 && STEP(m, m->vm, KVM_ARM_PREFERRED_TARGET, &init) >= 0 && make_cpu(m) &&
	       STEP(m, m->cpu, KVM_ARM_VCPU_INIT, &init) >= 0;
}

static bool set(struct machine *m, size_t offset, uint64_t value)
{
	struct kvm_one_reg one = {.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
					offset / sizeof(uint32_t),
				  .addr = (uintptr_t)&value};

	return STEP(m, m->cpu, KVM_SET_ONE_REG, &one) >= 0;
}

static bool load(struct machine *m, uint32_t seed)
{
	const uint64_t values[] = {seed, PORT, FACTOR, ADDEND};
	bool ok = load_code(m, code, sizeof code, CODE_AT, PAGE) &&
		  set(m, offsetof(struct kvm_regs, regs.pc), CODE_AT);

	for (size_t i = 0; ok && i < sizeof values / sizeof *values; i++)
		ok = set(m, offsetof(struct kvm_regs, regs.regs) + i * sizeof *values, values[i]);
	return ok;
}

/* On to the next access to PORT: *VALUE is written, or read, by the guest. */
static bool access_port(struct machine *m, bool writes, uint32_t *value, const char *name)
{
	if (!run_to(m, KVM_EXIT_MMIO))
		return false;
	if (m->run->mmio.phys_addr != PORT || m->run->mmio.len != sizeof *value ||
	    m->run->mmio.is_write != writes) {
		m->p->step = name;
		return false;
	}
	if (writes)
		memcpy(value, m->run->mmio.data, sizeof *value);
	else
		memcpy(m->run->mmio.data, value, sizeof *value);
	return true;
}

static bool writes(struct machine *m, uint32_t wanted, const char *name)
{
	uint32_t value = ~wanted;

	if (!access_port(m, true, &value, name))
		return false;
	if (value == wanted)
		return true;
	m->p->step = name;
	return false;
}

static bool computes(struct machine *m, uint32_t wanted)
{
	return writes(m, wanted, "the value");
}

/* From a write to the next one. */
static bool count(struct machine *m, uint32_t turns)
{
	return access_port(m, false, &turns, "the count") && writes(m, 0, "the count");
}

static bool ends(struct machine *m)
{
	(void)m;
	return true;
}

#endif

static uint64_t thread_time(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* TURNS turns, with the shortest time that it has taken so far to *LEAST. */
static bool timed(struct machine *m, uint32_t turns, uint64_t *least)
{
	uint64_t start = thread_time();

	if (!count(m, turns))
		return false;
	uint64_t took = thread_time() - start;

	if (took < *least)
		*least = took;
	return true;
}

/* The short counts: store the shortest time in nanoseconds in M->p->quick_ns. */
static bool quick_counts(struct machine *m)
{
	uint64_t exits = UINT64_MAX;
	uint64_t whole = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		if (!timed(m, 1, &exits) || !timed(m, QUICK, &whole))
			return false;
		m->p->quick_ns = whole > exits ? whole - exits : 0;
		if (m->p->quick_ns <= FAST_NS)
			break;
	}
	return true;
}

static enum kvm_verdict run_code(struct machine *m, uint32_t seed)
{
	if (!computes(m, seed * FACTOR + ADDEND) || !quick_counts(m))
		return KVM_BROKEN;
	if (m->p->quick_ns > KVM_SLOW_NS)
		return KVM_TOO_SLOW;
	uint64_t start = clock_now();

	if (!count(m, TURNS))
		return KVM_BROKEN;
	m->p->loop_ns = clock_now() - start;
	if (!ends(m))
		return KVM_BROKEN;
	m->p->step = "done";
	return KVM_WORKS;
}

enum kvm_verdict kvm_run_code(const char *device, struct kvm_proof *p)
{
	struct machine m = {.p = p};
	uint32_t seed = (uint32_t)clock_now();

	p->step = "open";
	m.kvm = open(device, O_RDWR | O_CLOEXEC);
	if (m.kvm < 0) {
		p->error = errno;
		return errno == ENODEV || errno == ENXIO || errno == ENOENT ? KVM_ABSENT
									    : KVM_DENIED;
	}
	if (STEP(&m, m.kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return KVM_NOT_KVM;
	if (!make_machine(&m) || !load(&m, seed))
		return KVM_REFUSED;
	return run_code(&m, seed);
}

#else

enum kvm_verdict kvm_run_code(const char *device, struct kvm_proof *p)
{
	(void)device;
	p->step = "host";
	return KVM_WRONG_HOST;
}

#endif
