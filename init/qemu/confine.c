/* confine.c - see confine.h.
 *
 * Disks, rewritten kernels, sockets and saved states are passed to QEMU as descriptors. By name it
 * needs its program, libraries and firmware, a few files of the C library, files that settings
 * name (BIOS, kernel, modules, trace events, the shared directory), and VM_LOG_DIR for output of
 * monitor commands. If a setting may name any file, there is no ruleset, and the reason is
 * reported.
 */
#include "qemu/confine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/netaddr.h"
#include "host/landlock.h"
#include "host/seccomp.h"

/* ---- QEMU's files ----------------------------------------------------------------------- */

static const struct {
	const char *path;
	enum landlock_access access;
} always[] = {
	{"/usr/share/qemu", LANDLOCK_READ},
	{"/usr/share/seabios", LANDLOCK_READ},
	{"/usr/share/ipxe", LANDLOCK_READ},
	{"/usr/share/edk2", LANDLOCK_READ},
	{"/usr/share/OVMF", LANDLOCK_READ},
	{"/usr/share/zoneinfo", LANDLOCK_READ},
	{"/etc/localtime", LANDLOCK_READ},
	{"/etc/resolv.conf", LANDLOCK_READ}, /* read again by QEMU's NAT when it changes */
	{"/etc/hosts", LANDLOCK_READ},
	{"/etc/nsswitch.conf", LANDLOCK_READ},
	{"/etc/services", LANDLOCK_READ},
	{"/proc/cpuinfo", LANDLOCK_READ},
	{"/proc/meminfo", LANDLOCK_READ},
	{"/sys/devices/system", LANDLOCK_READ},
	{"/dev/zero", LANDLOCK_DEVICE},
	{"/dev/urandom", LANDLOCK_DEVICE},
	{"/dev/random", LANDLOCK_DEVICE},
};

/* Why QEMU gets no ruleset; NULL if it gets one. */
static const char *exempt(const struct plan *plan)
{
	const struct settings *s = &plan->s;

	if (!s->sandbox)
		return "VM_SANDBOX=0";
	if (s->extra_args && s->extra_args[0])
		return "QEMU_EXTRA_ARGS may name any file";
	if (s->display)
		return "VM_DISPLAY needs the desktop's files";
	if (!landlock_covers(plan->qemu))
		return "VM_QEMU is outside /usr";
	return plan->files_full ? "QEMU_INITRD names too many files" : NULL;
}

static const char *unavailable(int why)
{
	return why == ENOSYS	   ? "the kernel has none, or a seccomp profile hides it"
	       : why == EOPNOTSUPP ? "it is switched off on this host"
				   : "a seccomp profile forbids it";
}

/* Allow the directory of QEMU_NET_SOCKET's own path, where QEMU creates the socket. */
static bool allow_socket(const struct settings *s, int ruleset, int abi)
{
	struct net_socket sock;
	const char *why;
	char dir[sizeof sock.own.where + 4];

	if (s->net != NET_SOCKET || !net_socket_parse(s->net_socket, &sock, &why) ||
	    sock.kind != NET_SOCKET_UNIX)
		return true;
	(void)snprintf(dir, sizeof dir, "%s", sock.own.where);
	char *slash = strrchr(dir, '/');

	(void)snprintf(slash ? slash + 1 : dir, 2, "%s", slash ? "" : ".");
	return landlock_allow(ruleset, abi, dir, LANDLOCK_FILES);
}

/* Allow the files that the settings of PLAN name. */
static bool allow_named(const struct plan *plan, int ruleset, int abi)
{
	const struct settings *s = &plan->s;
	bool ok = landlock_allow_program(ruleset, abi, plan->qemu) &&
		  landlock_allow(ruleset, abi, s->log_dir, LANDLOCK_FILES) &&
		  landlock_allow(ruleset, abi, s->run_dir, LANDLOCK_FILES) &&
		  allow_socket(s, ruleset, abi);

	if (ok && s->share == SHARE_9P)
		ok = landlock_allow(ruleset, abi, s->share_dir, LANDLOCK_ALL);
	if (ok && plan->accel.accel == ACCEL_KVM)
		ok = landlock_allow(ruleset, abi, "/dev/kvm", LANDLOCK_DEVICE);
	for (size_t at = 0; ok && at < plan->files_used; at += strlen(plan->files + at) + 1)
		ok = landlock_allow(ruleset, abi, plan->files + at, LANDLOCK_READ);
	if (ok && plan->ram.where == RAM_MAPPED)
		ok = landlock_allow_fd(ruleset, abi, plan->ram.fd, LANDLOCK_READ);
	for (int i = 0; ok && i <= KERNEL_MODULES_MAX; i++)
		ok = plan->kernel.fds[i] < 0 ||
		     landlock_allow_fd(ruleset, abi, plan->kernel.fds[i], LANDLOCK_READ);
	return ok;
}

int confine_qemu(struct plan *plan)
{
	const char *why = exempt(plan);
	int abi = why ? -1 : landlock_abi();
	_cleanup_fd_ int ruleset = abi < 1 ? -1 : landlock_new(abi);

	plan->landlock_abi = 0;
	if (ruleset < 0) {
		(void)snprintf(plan->landlock, sizeof plan->landlock, "off: %s",
			       why ? why : unavailable(errno));
		return -1;
	}
	bool ok = allow_named(plan, ruleset, abi);

	for (size_t i = 0; ok && i < sizeof always / sizeof *always; i++)
		ok = landlock_allow(ruleset, abi, always[i].path, always[i].access);
	if (!ok) {
		(void)snprintf(plan->landlock, sizeof plan->landlock, "off: %s", strerror(errno));
		return -1;
	}
	plan->landlock_abi = abi;
	(void)snprintf(plan->landlock, sizeof plan->landlock, "ABI %d", abi);
	return fd_take(&ruleset);
}

/* ---- PID 1 ------------------------------------------------------------------------------- */

/* System calls that administer the kernel, reach the memory of other processes, or have a history
 * of vulnerabilities: those that Docker's default profile denies, for engines without such a
 * profile (Kubernetes). */
static const uint32_t denied[] = {
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_kexec_load,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_swapon,
	SYS_swapoff,
	SYS_reboot,
	SYS_acct,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_quotactl,
	SYS_syslog,
	SYS_open_by_handle_at,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_vhangup,
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
#endif
};

/* passt creates a namespace and moves into it (passt: isolation.c). */
static const uint32_t namespaces[] = {SYS_mount,  SYS_umount2, SYS_pivot_root,
				      SYS_chroot, SYS_setns,   SYS_unshare};

#ifdef SYS_io_uring_setup
static const uint32_t uring[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};
#endif

void confine_self(const struct settings *s)
{
	uint32_t calls[SECCOMP_CALLS_MAX];
	size_t n = sizeof denied / sizeof *denied;

	if (!s->sandbox || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return;
	memcpy(calls, denied, sizeof denied);
	if (s->net != NET_PASST) {
		memcpy(calls + n, namespaces, sizeof namespaces);
		n += sizeof namespaces / sizeof *namespaces;
	}
#ifdef SYS_io_uring_setup
	if (s->aio != AIO_IO_URING) {
		memcpy(calls + n, uring, sizeof uring);
		n += sizeof uring / sizeof *uring;
	}
#endif
	(void)seccomp_deny(calls, n);
}
