/* kvm.h - does KVM work here? A proof by running code, not a look at a file (QEMU.md). */
#ifndef VM_HOST_KVM_H
#define VM_HOST_KVM_H

#include <stdbool.h>
#include <stdint.h>

enum kvm_verdict {
	KVM_WORKS,
	KVM_ABSENT,	/* no /dev/kvm, and none could be made */
	KVM_DENIED,	/* it cannot be opened */
	KVM_NOT_KVM,	/* it is something else, or another API version */
	KVM_REFUSED,	/* an ioctl failed before code ran (EBUSY, nested, seccomp) */
	KVM_BROKEN,	/* code ran and did the wrong thing, or KVM_RUN failed */
	KVM_TOO_SLOW,	/* code did not get through in the time allowed */
	KVM_WRONG_HOST, /* not an x86-64 host */
};

struct kvm_result {
	enum kvm_verdict verdict;
	char step[32];	  /* the step it ended at: "open", "KVM_CREATE_VM", "KVM_RUN", ... */
	int error;	  /* errno of that step, or 0 */
	int exit_reason;  /* KVM_EXIT_* of the last KVM_RUN, or -1 */
	uint64_t loop_ns; /* what the counted loop took, if it was reached */
	bool made_node;	  /* we made /dev/kvm (mknod c 10 232) */
	char reason[256]; /* one line for people: "/dev/kvm works: 1000000 loops in 1.1 ms" */
};

/* Try everything, in a forked child that is killed after BOUND_MS (50 is right; the whole call
 * returns within BOUND_MS plus a few). DEVICE is normally "/dev/kvm". Makes the node when it is
 * absent and we may. OUT is always filled. Returns out->verdict == KVM_WORKS. */
bool kvm_prove(const char *device, unsigned bound_ms, struct kvm_result *out);

#endif
