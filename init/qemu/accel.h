/* accel.h - choice of the accelerator: KVM if it is proved to work, else TCG, and the reason. */
#ifndef VM_QEMU_ACCEL_H
#define VM_QEMU_ACCEL_H

#include "base/error.h"
#include "config/settings.h"
#include "host/kvm.h"

struct accel_choice {
	enum accel accel; /* KVM or TCG */
	bool automatic;	  /* QEMU_ACCEL=auto: if QEMU dies under KVM, start it again with TCG */
	char reason[320]; /* one line: "TCG, because /dev/kvm ...; vm kvm says more" */
};

/* With QEMU_ACCEL=kvm, KVM that fails the proof is an error (EXIT_NO_PERMISSION for KVM_DENIED,
 * else EXIT_QEMU_FAILED) unless VM_FORCE is set; with tcg, KVM is not tested. PROOF is filled if a
 * proof was made. */
bool accel_choose(const struct settings *s, struct kvm_result *proof, struct accel_choice *out,
		  struct error *err);

#endif
