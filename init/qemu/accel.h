/* accel.h - the accelerator ladder: KVM when it is proved, else TCG, and the reason. */
#ifndef VM_QEMU_ACCEL_H
#define VM_QEMU_ACCEL_H

#include "base/error.h"
#include "config/settings.h"
#include "host/kvm.h"

struct accel_choice {
	enum accel accel; /* KVM or TCG */
	bool automatic; /* QEMU_ACCEL=auto: a QEMU that dies under KVM is started again with TCG */
	char reason[320]; /* one line: "TCG, because /dev/kvm ...; vm kvm says more" */
};

/* QEMU_ACCEL=kvm with KVM that is not proved is an error (EXIT_NO_PERMISSION for KVM_DENIED, else
 * EXIT_QEMU_FAILED) unless VM_FORCE; tcg tries nothing. PROOF is filled where one was made. */
bool accel_choose(const struct settings *s, struct kvm_result *proof, struct accel_choice *out,
		  struct error *err);

#endif
