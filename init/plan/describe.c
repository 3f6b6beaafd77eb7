/* describe.c - describes the plan in a few lines, for the log and `vm status`. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/netaddr.h"
#include "config/guest_preset.h"
#include "plan/check_network.h"
#include "plan/plan.h"

static void describe_forwards(const struct settings *s, char *buf, size_t size)
{
	struct forward f[FORWARDS_MAX];
	size_t used = 0;
	int n = settings_forwards(s, f);

	buf[0] = '\0';
	/* These may listen on another address than VM_BIND. */
	if (n > 0 && strchr(s->bind, ':') && s->net != NET_PASST)
		used = (size_t)snprintf(buf, size, "; on %s, since QEMU's NAT forwards IPv4 only",
					settings_forward_address(s));
	for (int i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, ", %s port %u -> the guest's %u",
					 f[i].udp ? "udp" : "tcp", f[i].port, f[i].guest_port);
}

static const char *port_text(long port, char buf[8])
{
	(void)snprintf(buf, 8, port ? "%ld" : "off", port);
	return buf;
}

const char *plan_ports(const struct plan *plan, char buf[PLAN_PORTS])
{
	const struct settings *s = &plan->s;
	char serial[8];
	char monitor[8];
	char raw[24] = "";
	char rfc2217[32] = "";
	char vnc[16] = "";
	char gdb[32] = "";
	char forwards[PLAN_PORTS - 200];

	describe_forwards(s, forwards, sizeof forwards);
	if (s->serial_raw_port)
		(void)snprintf(raw, sizeof raw, " and (raw) %ld", s->serial_raw_port);
	if (s->serial_rfc2217_port)
		(void)snprintf(rfc2217, sizeof rfc2217, " and (RFC 2217) %ld",
			       s->serial_rfc2217_port);
	if (s->vnc)
		(void)snprintf(vnc, sizeof vnc, ", VNC %ld", s->vnc_port);
	if (s->gdb)
		(void)snprintf(gdb, sizeof gdb, ", GDB %ld", s->gdb_port);
	(void)snprintf(buf, PLAN_PORTS,
		       "on %s: serial console (telnet) %s%s%s, monitor (telnet) %s%s%s%s", s->bind,
		       port_text(s->serial_port, serial), raw, rfc2217,
		       port_text(s->monitor_port, monitor), vnc, gdb, forwards);
	return buf;
}

/* Describe WHAT, a disk other than the first. */
static void describe_more(const struct settings *s, const struct disk *disk, const char *what)
{
	char mode[16];
	double mib = disk->count ? (double)disk->layers[0].virtual_size / (1 << 20) : 0;

	if (disk->count == 0)
		return;
	log_info("%s: %s, %.1f %s, %s", what, disk->path, mib < 64 ? mib : mib / 1024,
		 mib < 64 ? "MiB" : "GiB",
		 setting_choice(SETTING_QEMU_DISK_MODE, s->disk_mode, mode, sizeof mode));
	if (disk->overlay[0])
		log_info("the guest's writes to it are kept in %s%s", disk->overlay,
			 disk->overlay_new ? " (new)" : "");
	if (disk->dirty)
		log_warning("%s was not closed cleanly (qcow2 dirty bit): QEMU repairs it when it "
			    "starts",
			    disk->path);
}

void plan_describe(const struct plan *plan)
{
	const struct settings *s = &plan->s;
	const struct guest_preset *p = preset_of((enum guest_kind)s->guest);
	char bus[32];
	char mode[16];
	char ports[PLAN_PORTS];
	char network[NETWORK_TEXT];

	if (plan->disk.embedded) {
		log_info("built-in guest: GNU Mach 1.8, the kernel of Debian GNU/Hurd, with a "
			 "login and a small shell; nothing is kept");
		log_info("the full Debian GNU/Hurd: put its disk into images/ and start again "
			 "(scripts/get-image fetches and prepares it; README, Your own guest)");
	} else if (plan->disk.count) {
		log_info("guest %s (%s): %s, %.1f GiB, %s", p->name, p->about, plan->disk.path,
			 (double)plan->disk.layers[0].virtual_size / (1 << 30),
			 setting_choice(SETTING_QEMU_DISK_MODE, s->disk_mode, mode, sizeof mode));
	} else {
		log_info("guest %s (%s), no disk", p->name, p->about);
	}
	if (plan->boot.text[0])
		log_info("boot: %s", plan->boot.text);
	if (plan->firmware.about[0])
		log_info("firmware: UEFI, %s", plan->firmware.about);
	if (plan->kernel.about[0])
		log_info("kernel %s", plan->kernel.about);
	if (plan->disk.overlay[0])
		log_info("the image is not changed; the guest's writes are kept in %s%s",
			 plan->disk.overlay, plan->disk.overlay_new ? " (new)" : "");
	for (int i = 0; i < DISKS_MORE; i++)
		describe_more(s, &plan->more[i], settings_more_disk(s, i).what);
	if (plan->disk.dirty)
		log_warning("%s was not closed cleanly (qcow2 dirty bit): QEMU repairs it when it "
			    "starts",
			    plan->disk.path);
	if (plan->fsck.unread[0])
		log_info("%s", plan->fsck.unread);
	log_info("%ld MiB, %ld processor%s, %s, disk on %s", s->ram_mb, s->cpus,
		 s->cpus == 1 ? "" : "s", s->machine,
		 setting_choice(SETTING_QEMU_DISK_BUS, s->disk_bus, bus, sizeof bus));
	log_info("accelerator %s", plan->accel.reason);
	log_info("%s", plan_ports(plan, ports));
	if (s->net != NET_USER && s->net != NET_NONE)
		log_info("network: %s", network_describe(s, network));
	if (s->guest_runs)
		log_info("a guest runs here already (VM_RUN_DIR=%s)", s->run_dir);
}
