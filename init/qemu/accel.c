/* accel.c - see accel.h. */
#include "qemu/accel.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/arch.h"

#define DEVICE "/dev/kvm"

/* Time limit of the proof; a working KVM needs two or three milliseconds. */
#define BOUND_MS 50

static bool choose(struct accel_choice *out, enum accel accel, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool choose(struct accel_choice *out, enum accel accel, const char *fmt, ...)
{
	va_list ap;

	out->accel = accel;
	va_start(ap, fmt);
	(void)vsnprintf(out->reason, sizeof out->reason, fmt, ap);
	va_end(ap);
	return true;
}

bool accel_choose(const struct settings *s, struct kvm_result *proof, struct accel_choice *out,
		  struct error *err)
{
	out->automatic = s->accel == ACCEL_AUTO;
	if (s->accel == ACCEL_TCG)
		return choose(out, ACCEL_TCG, "TCG, because of QEMU_ACCEL=tcg");
	if (!arch_native(s)) {
		if (s->accel != ACCEL_AUTO)
			return error_set(err, EXIT_BAD_SETTING,
					 "leave QEMU_ACCEL unset, to run with TCG",
					 "QEMU_ACCEL=kvm: KVM runs guests of this host's "
					 "architecture only, not of %s",
					 arch_of(s)->name);
		return choose(out, ACCEL_TCG, "TCG, because KVM does not run %s on this host",
			      arch_of(s)->name);
	}
	if (kvm_test(DEVICE, BOUND_MS, proof))
		return choose(out, ACCEL_KVM, "KVM: %s", proof->reason);
	if (s->accel == ACCEL_AUTO)
		return choose(out, ACCEL_TCG, "TCG, because %s; vm kvm says more", proof->brief);
	if (s->force)
		return choose(out, ACCEL_KVM, "KVM, by VM_FORCE=1, although %s", proof->reason);
	(void)choose(out, ACCEL_TCG, "TCG, because %s", proof->reason);
	char fix[sizeof err->fix];

	(void)snprintf(fix, sizeof fix, "%s%sor leave QEMU_ACCEL unset, to run with TCG",
		       proof->fix, proof->fix[0] ? "; " : "");
	return error_set(err, proof->verdict == KVM_DENIED ? EXIT_NO_PERMISSION : EXIT_QEMU_FAILED,
			 fix, "QEMU_ACCEL=kvm: %s", proof->reason);
}
