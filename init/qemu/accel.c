/* accel.c - see accel.h. */
#include "qemu/accel.h"

#include <stdio.h>

#define DEVICE "/dev/kvm"

/* What the proof may take: a working KVM needs two or three milliseconds. */
#define BOUND_MS 50

bool accel_choose(const struct settings *s, struct kvm_result *proof, struct accel_choice *out,
		  struct error *err)
{
	*out = (struct accel_choice){.accel = ACCEL_TCG, .automatic = s->accel == ACCEL_AUTO};
	if (s->accel == ACCEL_TCG) {
		(void)snprintf(out->reason, sizeof out->reason, "TCG, as QEMU_ACCEL=tcg says");
		return true;
	}
	if (kvm_prove(DEVICE, BOUND_MS, proof)) {
		out->accel = ACCEL_KVM;
		(void)snprintf(out->reason, sizeof out->reason, "KVM: %s", proof->reason);
		return true;
	}
	if (s->accel == ACCEL_AUTO) {
		(void)snprintf(out->reason, sizeof out->reason, "TCG, because %s", proof->reason);
		return true;
	}
	if (s->force) {
		out->accel = ACCEL_KVM;
		(void)snprintf(out->reason, sizeof out->reason, "KVM, by VM_FORCE=1, although %s",
			       proof->reason);
		return true;
	}
	return error_set(
		err,
		proof->verdict == KVM_DENIED || proof->verdict == KVM_ABSENT ? EXIT_NO_PERMISSION
									     : EXIT_QEMU_FAILED,
		"give the container a KVM that works, or leave QEMU_ACCEL unset to run with TCG",
		"QEMU_ACCEL=kvm: %s", proof->reason);
}
