/* kvm_internal.h - between the three parts of the proof: kvm.c (node, child, time), kvm_machine.c
 * (the virtual machine) and kvm_reason.c (what people are told).
 */
#ifndef VM_HOST_KVM_INTERNAL_H
#define VM_HOST_KVM_INTERNAL_H

#include "host/kvm.h"

#define KVM_DEVICE_MAJOR 10
#define KVM_DEVICE_MINOR 232

/* KVM runs its own kind of processor only. What is compiled decides: a kernel for another processor
 * does not start this program, and emulators of one do not pass KVM's ioctls on. */
#ifdef __x86_64__
#define KVM_HOST_FITS true
#else
#define KVM_HOST_FITS false
#endif

/* A thousand turns that take longer than this are too slow beyond all doubt. They take 1,000 where
 * KVM works, 20,000 under a KVM that QEMU's TCG emulates, and 500,000 or more where each
 * instruction is emulated (seen in 2026); 50,000 is as fast as the million has to be. */
#define KVM_SLOW_NS 150000

/* What the child writes down as it goes, in memory shared with the parent: one that hangs in the
 * kernel or is killed still shows where it was. */
struct kvm_proof {
	const char *step; /* a literal, at the same address on both sides of fork(2) */
	int error;
	int exit_reason;
	uint64_t loop_ns, quick_ns;
	enum kvm_verdict verdict;
	bool done; /* VERDICT is the child's answer */
};

/* In the child: open DEVICE, make a machine, run the code. Fills P but for DONE. */
enum kvm_verdict kvm_run_code(const char *device, struct kvm_proof *p);

/* Fill R's reason and fix from the rest of it. */
void kvm_explain(const char *device, unsigned bound_ms, struct kvm_result *r);

#endif
