/* kvm_internal.h - shared by the three parts of the test: kvm.c (node, child, time), kvm_machine.c
 * (the virtual machine) and kvm_reason.c (messages). */
#ifndef VM_HOST_KVM_INTERNAL_H
#define VM_HOST_KVM_INTERNAL_H

#include "host/kvm.h"

#define KVM_DEVICE_MAJOR 10
#define KVM_DEVICE_MINOR 232

/* KVM runs its own kind of processor only. What is compiled decides: a kernel for another processor
 * does not start this program, and emulators of one do not pass KVM's ioctls on. */
#if defined(__x86_64__) || defined(__aarch64__)
#define KVM_HOST_FITS true
#else
#define KVM_HOST_FITS false
#endif

/* A thousand iterations that take longer than this are certainly too slow. They take 1,000 where
 * KVM works, 20,000 under a KVM that QEMU's TCG emulates, and 500,000 or more if each instruction
 * is emulated (measured in 2026); 50,000 corresponds to the limit for the million. */
#define KVM_SLOW_NS 150000

/* The child's progress, in memory shared with the parent: it is visible even if the child hangs in
 * the kernel or is killed. */
struct kvm_proof {
	const char *step; /* a literal, whose address is the same on both sides of fork(2) */
	int error;
	int exit_reason;
	uint64_t loop_ns, quick_ns;
	enum kvm_verdict verdict;
	bool done; /* VERDICT is the child's answer */
};

/* In the child: open DEVICE, create a virtual machine, run the code. Fills P except DONE. */
enum kvm_verdict kvm_run_code(const char *device, struct kvm_proof *p);

/* Fill R's reason and fix from its other members. */
void kvm_describe(const char *device, unsigned bound_ms, struct kvm_result *r);

#endif
