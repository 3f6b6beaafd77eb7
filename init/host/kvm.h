/* kvm.h - does KVM work here? A proof by running code, not a look at a file. */
#ifndef VM_HOST_KVM_H
#define VM_HOST_KVM_H

#include <stdbool.h>
#include <stdint.h>

enum kvm_verdict {
	KVM_WORKS,
	KVM_ABSENT,	/* no device node and none could be made, or no KVM behind it */
	KVM_DENIED,	/* it cannot be opened */
	KVM_NOT_KVM,	/* it is something else, or another API version */
	KVM_REFUSED,	/* it could not be tried: a call failed before code ran (EBUSY, nested,
			   seccomp) */
	KVM_BROKEN,	/* code ran and did the wrong thing, or KVM_RUN failed */
	KVM_TOO_SLOW,	/* code did not get through in the time allowed */
	KVM_WRONG_HOST, /* not an x86-64 host */
};

struct kvm_result {
	enum kvm_verdict verdict;
	const char *step; /* the last step taken: "open", "KVM_CREATE_VM", "KVM_RUN", ..., "done" */
	int error;	  /* errno of that step, or 0 */
	int signal;	  /* what killed the child that tried (SIGSYS: seccomp), or 0 */
	int exit_reason;  /* KVM_EXIT_* of the last KVM_RUN, or -1 */
	uint64_t loop_ns; /* what a million turns took, if they were reached */
	uint64_t quick_ns; /* what a thousand took at least, of processor time; 0: not reached */
	bool made_node;	   /* we made /dev/kvm (mknod c 10 232) */
	const char *brief; /* a few words, what was found, for a log; "" where it works */
	char reason[256];  /* one line, what was found */
	char fix[256];	   /* one line, what to do; empty where it works */
};

/* Try everything, in a forked child that gets BOUND_MS milliseconds of the processor (50 is right:
 * a working KVM needs two or three) and is killed then. It is the child's own time that counts, so
 * that a busy machine is not taken for a slow KVM; in all it is given five times as much. The call
 * returns at the answer; a child that is still ending then (the kernel may take 20 ms to take a
 * virtual machine apart) is reaped by the caller's loop, or ends with the process.
 *
 * DEVICE is normally "/dev/kvm". The node is made when it is absent and we may, and removed again
 * when it cannot be opened; one that was there is left as it is. OUT is always filled. Returns
 * OUT->verdict == KVM_WORKS. */
bool kvm_prove(const char *device, unsigned bound_ms, struct kvm_result *out);

/* "works", "absent", "denied", ...: the word for V, for programs. */
const char *kvm_verdict_name(enum kvm_verdict v);

#endif
