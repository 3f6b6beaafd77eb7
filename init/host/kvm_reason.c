/* kvm_reason.c - describes the result of the KVM test, and the fix. */
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/kvm_internal.h"

/* Some of KVM_EXIT_* (<linux/kvm.h>): exits of a processor that cannot run code. */
static const struct {
	int reason;
	const char *name;
} exits[] = {
	{2, "KVM_EXIT_IO"},	  {5, "KVM_EXIT_HLT"},	      {6, "KVM_EXIT_MMIO"},
	{8, "KVM_EXIT_SHUTDOWN"}, {9, "KVM_EXIT_FAIL_ENTRY"}, {17, "KVM_EXIT_INTERNAL_ERROR"},
	{0, "KVM_EXIT_UNKNOWN"},
};

static const char give_device[] = "docker run --device /dev/kvm, with compose KVM_DEVICE=/dev/kvm, "
				  "gives a container the host's KVM";

static void set_reason(struct kvm_result *r, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void set_reason(struct kvm_result *r, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->reason, sizeof r->reason, fmt, ap);
	va_end(ap);
	(void)snprintf(r->fix, sizeof r->fix, "%s", fix);
}

#ifndef __aarch64__
/* Does this kernel run in a virtual machine? (CPUID.1:ECX.31, which hypervisors set.) */
static bool nested(void)
{
#ifdef __x86_64__
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c >> 31;
#else
	return false;
#endif
}
#endif

/* The fix for a KVM that exists but does not work. */
static const char *host_fix(void)
{
#ifdef __aarch64__
	return "the host's kernel must be started in EL2, as a hypervisor is (dmesg says what "
	       "became of kvm); a virtual machine needs a hypervisor that offers nested "
	       "virtualisation";
#else
	return nested() ? "the host is itself a virtual machine: its hypervisor must offer nested "
			  "virtualisation"
			: "on the host, turn on VT-x or AMD-V in the firmware, load kvm_intel or "
			  "kvm_amd, and see what dmesg says of kvm";
#endif
}

static void explain_absent(const char *device, struct kvm_result *r)
{
	const char *why = strerror(r->error);

	if (strcmp(r->step, "open") == 0)
		set_reason(r, host_fix(), "the host has no KVM behind %s (%s)", device, why);
	else if (strcmp(r->step, "mknod") == 0)
		set_reason(r, give_device, "there is no %s, and it cannot be created (%s)", device,
			   why);
	else
		set_reason(r, give_device, "there is no %s (%s)", device, why);
}

static void explain_denied(const char *device, struct kvm_result *r)
{
	const char *why = strerror(r->error);
	struct statvfs fs;
	struct stat st;
	char fix[sizeof r->fix];

	if (strcmp(r->step, "stat") == 0 || stat(device, &st) != 0) {
		set_reason(r, give_device, "%s cannot be reached (%s)", device, why);
	} else if (r->error == EPERM) {
		set_reason(r, give_device,
			   "%s cannot be opened: the container's device rules forbid it (%s)",
			   device, why);
	} else if (r->error != EACCES) {
		set_reason(r, host_fix(), "%s cannot be opened (%s)", device, why);
	} else if (statvfs(device, &fs) == 0 && fs.f_flag & ST_NODEV) {
		set_reason(r,
			   "docker run --device /dev/kvm provides it on a file system that permits "
			   "devices",
			   "%s cannot be opened: it is on a file system mounted nodev", device);
	} else {
		(void)snprintf(fix, sizeof fix, "start the container with --group-add %u",
			       (unsigned)st.st_gid);
		if (geteuid() == 0) /* root of a user namespace, as in rootless engines */
			(void)snprintf(
				fix, sizeof fix,
				"the user who runs the rootless engine has to be in the host's "
				"group kvm (podman: and --group-add keep-groups), or the host "
				"gives %s mode 0666",
				device);
		else if (st.st_gid == 0 ||
			 (st.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP))
			(void)snprintf(fix, sizeof fix,
				       "start the container as root, or let the "
				       "host's group kvm read and write %s",
				       device);
		set_reason(r, fix,
			   "%s cannot be opened by user %u: it belongs to %u:%u with mode %04o",
			   device, (unsigned)geteuid(), (unsigned)st.st_uid, (unsigned)st.st_gid,
			   (unsigned)st.st_mode & 07777);
	}
}

static void explain_not_kvm(const char *device, struct kvm_result *r)
{
	struct stat st;

	if (strcmp(r->step, "stat") != 0) {
		if (r->error)
			set_reason(r, give_device, "%s is not KVM: %s: %s", device, r->step,
				   strerror(r->error));
		else
			set_reason(r, "update the host's kernel",
				   "%s has a KVM API version other than 12", device);
	} else if (stat(device, &st) == 0 && S_ISCHR(st.st_mode)) {
		set_reason(r, give_device, "%s is not KVM: it is device %u:%u, not %u:%u", device,
			   major(st.st_rdev), minor(st.st_rdev), KVM_DEVICE_MAJOR,
			   KVM_DEVICE_MINOR);
	} else {
		set_reason(r, give_device, "%s is not KVM: it is not a character device", device);
	}
}

static void explain_refused(const char *device, struct kvm_result *r)
{
	const char *why = strerror(r->error);
	const char *sandbox = "allow KVM's ioctls in the container's seccomp profile or security "
			      "module";

	if (r->signal)
		set_reason(r, r->signal == SIGSYS ? sandbox : host_fix(),
			   "%s opens, but signal %d ended the attempt to use it, at %s", device,
			   r->signal, r->step);
	else if (strcmp(r->step, "fork") == 0)
		set_reason(r, "raise the container's limits on processes and memory",
			   "%s cannot be tried: fork: %s", device, why);
	else if (r->error == EBUSY)
		set_reason(r, "stop the other hypervisor (VirtualBox, VMware)",
			   "%s opens, but another hypervisor has the processor (%s: %s)", device,
			   r->step, why);
	else
		set_reason(r,
			   r->error == EPERM || r->error == EACCES || r->error == ENOSYS
				   ? sandbox
				   : host_fix(),
			   "%s opens, but %s fails: %s", device, r->step, why);
}

static void explain_broken(const char *device, struct kvm_result *r)
{
	const char *name = "an unknown exit";

	for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
		if (exits[i].reason == r->exit_reason)
			name = exits[i].name;
	if (r->error)
		set_reason(r, host_fix(), "%s does not run code: %s fails: %s", device, r->step,
			   strerror(r->error));
	else if (strcmp(r->step, "KVM_RUN") == 0)
		set_reason(r, host_fix(), "%s does not run code: it ended in %s (%d)", device, name,
			   r->exit_reason);
	else
		set_reason(r, host_fix(), "%s runs code wrongly: %s that it computed is wrong",
			   device, r->step);
}

static void explain_too_slow(const char *device, unsigned bound_ms, struct kvm_result *r)
{
	if (strcmp(r->step, "KVM_RUN") != 0)
		set_reason(r, host_fix(), "%s opens, but %s did not return in time", device,
			   r->step);
	else if (r->exit_reason < 0)
		set_reason(r, host_fix(), "%s opens, but ran nothing in %u ms", device, bound_ms);
	else if (r->quick_ns > KVM_SLOW_NS)
		set_reason(r, host_fix(),
			   "%s runs code, but too slowly: a thousand iterations of a loop take %u "
			   "µs, and "
			   "1 µs where KVM works",
			   device, (unsigned)(r->quick_ns / 1000));
	else
		set_reason(r, host_fix(),
			   "%s runs code, but too slowly: a million iterations of a loop were not "
			   "completed in %u ms, and take 1 ms where KVM works",
			   device, bound_ms);
}

static const char *brief(const struct kvm_result *r)
{
	switch (r->verdict) {
	case KVM_WORKS: return "";
	case KVM_ABSENT:
		return strcmp(r->step, "open") == 0 ? "the host has no KVM"
						    : "there is no /dev/kvm";
	case KVM_DENIED: return "/dev/kvm cannot be opened";
	case KVM_NOT_KVM: return "/dev/kvm is not KVM";
	case KVM_REFUSED: return "/dev/kvm opens, but cannot be used";
	case KVM_BROKEN: return "KVM does not run code correctly";
	case KVM_TOO_SLOW: return "KVM runs code too slowly";
	case KVM_WRONG_HOST: return "the host is not x86-64 or arm64";
	}
	return "";
}

void kvm_describe(const char *device, unsigned bound_ms, struct kvm_result *r)
{
	r->brief = brief(r);
	switch (r->verdict) {
	case KVM_WORKS:
		set_reason(r, "", "%s ran a million iterations of a loop in %.2f ms%s", device,
			   (double)r->loop_ns / 1e6,
			   r->made_node ? " (the node was made here)" : "");
		break;
	case KVM_ABSENT: explain_absent(device, r); break;
	case KVM_DENIED: explain_denied(device, r); break;
	case KVM_NOT_KVM: explain_not_kvm(device, r); break;
	case KVM_REFUSED: explain_refused(device, r); break;
	case KVM_BROKEN: explain_broken(device, r); break;
	case KVM_TOO_SLOW: explain_too_slow(device, bound_ms, r); break;
	case KVM_WRONG_HOST:
		set_reason(r, "run it on an x86-64 or arm64 host; here TCG runs the guest",
			   "the host is not x86-64 or arm64, and KVM is tested on these only");
		break;
	}
}

const char *kvm_verdict_name(enum kvm_verdict v)
{
	static const char *const names[] = {
		[KVM_WORKS] = "works",	     [KVM_ABSENT] = "absent",
		[KVM_DENIED] = "denied",     [KVM_NOT_KVM] = "not-kvm",
		[KVM_REFUSED] = "refused",   [KVM_BROKEN] = "broken",
		[KVM_TOO_SLOW] = "too-slow", [KVM_WRONG_HOST] = "wrong-host",
	};

	return names[v];
}
