/* kvm.h - does KVM work here? Tested by running code, not by looking at a file. */
#ifndef VM_HOST_KVM_H
#define VM_HOST_KVM_H

#include <stdbool.h>
#include <stdint.h>

enum kvm_verdict {
	KVM_WORKS,
	KVM_ABSENT,	/* no device node and none could be created, or no KVM behind it */
	KVM_DENIED,	/* it cannot be opened */
	KVM_NOT_KVM,	/* it is something else, or another API version */
	KVM_REFUSED,	/* it could not be tried: a call failed before code ran (EBUSY, nested,
			   seccomp) */
	KVM_BROKEN,	/* code ran and did the wrong thing, or KVM_RUN failed */
	KVM_TOO_SLOW,	/* code did not get through in the time allowed */
	KVM_WRONG_HOST, /* neither an x86-64 nor an arm64 host */
};

struct kvm_result {
	enum kvm_verdict verdict;
	const char *step; /* the last step taken: "open", "KVM_CREATE_VM", "KVM_RUN", ..., "done" */
	int error;	  /* errno of that step, or 0 */
	int signal;	  /* signal that killed the child (SIGSYS: seccomp), or 0 */
	int exit_reason;  /* KVM_EXIT_* of the last KVM_RUN, or -1 */
	uint64_t loop_ns; /* duration of a million iterations, if they were reached */
	uint64_t quick_ns; /* shortest processor time of a thousand iterations; 0: not reached */
	bool made_node;	   /* we created /dev/kvm (mknod c 10 232) */
	const char *brief; /* the result in a few words, for a log; "" if KVM works */
	char reason[256];  /* the result in one line */
	char fix[256];	   /* the fix in one line; empty if KVM works */
};

/* Run the test in a forked child that gets BOUND_MS milliseconds of processor time (50 is
 * appropriate: a working KVM needs two or three) and is then killed. Only the child's own time
 * counts, so that a busy machine is not mistaken for a slow KVM; the total limit is five times as
 * long. The call returns at the answer; a child that is still ending (the kernel may take 20 ms to
 * destroy a virtual machine) is reaped by the caller's loop, or ends with the process.
 *
 * DEVICE is normally "/dev/kvm". A missing node is created if permitted, and removed again if it
 * cannot be opened; an existing one is left as it is. OUT is always filled. Returns OUT->verdict ==
 * KVM_WORKS.
 */
bool kvm_test(const char *device, unsigned bound_ms, struct kvm_result *out);

/* The name of V for programs: "works", "absent", "denied", ... */
const char *kvm_verdict_name(enum kvm_verdict v);

#endif
