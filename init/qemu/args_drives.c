/* args_drives.c - disks, CD-ROMs and floppies in QEMU's argument vector (args.h). */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "config/arch.h"
#include "qemu/args_parts.h"

/* The chip set of q35 (ICH9) includes AHCI. */
static bool is_q35(const struct settings *s)
{
	return settings_machine_is(s->machine, "q35");
}

/* ---- where drives are attached ------------------------------------------------------------ */

enum drive { DRIVE_1, DRIVE_CD, DRIVE_SHARE, DRIVE_2, DRIVE_3, DRIVE_4, DRIVE_CD2, DRIVES };

/* The slots of the IDE or AHCI controller, and the drive in each; -1: free. A SATA port takes one
 * drive, an IDE channel two. */
struct places {
	const char *bus;
	bool ide;
	int count, of[DRIVES];
};

static bool is_taken(const struct places *p, int place)
{
	for (int i = 0; i < DRIVES; i++)
		if (p->of[i] == place)
			return true;
	return false;
}

/* A drive's usual slot does not depend on the other drives, so that device names in the guest are
 * stable. If it is taken, the drive gets the first free slot (config/settings_disks.c ensures that
 * there is one). */
static void place(struct places *p, const bool wanted[DRIVES])
{
	static const int usual[2][DRIVES] = {{0, 1, 2, 3, 4, 5, 2}, {0, 2, 3, 1, 2, 3, 3}};

	for (int i = 0; i < DRIVES; i++)
		p->of[i] = -1;
	for (int i = 0; i < DRIVES; i++) {
		int at = usual[p->ide][i];

		if (!wanted[i])
			continue;
		if (is_taken(p, at))
			for (at = 0; at < p->count && is_taken(p, at);)
				at++;
		p->of[i] = at;
	}
}

/* The -device for drive I of KIND "hd" or "cd". Returns BUF. */
static const char *device_of(const struct places *p, int i, const char *kind, char buf[48])
{
	int at = p->of[i];

	(void)snprintf(buf, 48, "ide-%s,bus=%s.%d%s", kind, p->bus, p->ide ? at / 2 : at,
		       p->ide && at % 2 ? ",unit=1" : "");
	return buf;
}

/* ---- the drives --------------------------------------------------------------------------- */

/* Pass an image file as a descriptor: -add-fd puts it into a set, /dev/fdset/N opens it. QEMU
 * locks the file if the host can (`locking=auto`). */
static void add_fd(const struct builder *b, int fd, const char *what)
{
	args_option(b->out, "-add-fd", "fd=%d,set=%d,opaque=%s", fd, fd, what);
}

#define FDSET "/dev/fdset/%d"

static void add_blockdev(const struct builder *b, const struct json_member *members)
{
	char text[512];

	(void)json_write(text, sizeof text, members);
	args_option(b->out, "-blockdev", "%s", text);
}

/* A disk whose layers' descriptors begin with FD; the nodes are NAME0 (top), NAME1, and so on. */
struct stack {
	const char *name;
	const struct disk_facts *facts;
	int fd;
};

/* One layer of a disk. Options that are not given are inherited: the file node has read-only and
 * cache of its format node. */
static void add_layer(const struct builder *b, const struct stack *k, int layer)
{
	const struct settings *s = b->s;
	const struct disk_fact *disk = &k->facts->layers[layer];
	bool direct = s->cache == CACHE_NONE || s->cache == CACHE_DIRECTSYNC;
	char node[32], file[40], below[40], fdset[32];

	add_fd(b, k->fd + layer, "disk");
	(void)snprintf(node, sizeof node, "%s%d", k->name, layer);
	(void)snprintf(file, sizeof file, "%s-file", node);
	(void)snprintf(fdset, sizeof fdset, FDSET, k->fd + layer);
	(void)snprintf(below, sizeof below, "\"%s%d\"", k->name, layer + 1);
	/* Never the backing file named in the image: the next layer, or none. */
	add_blockdev(
		b,
		JSON_LIST(J_TEXT("driver", CHOICE(SETTING_QEMU_DRIVE_FORMAT, (int)disk->format)),
			  J_TEXT("node-name", node), J_BOOL("read-only", !disk->writable),
			  J_TEXT("discard", "unmap"),
			  J_OBJECT("cache", J_BOOL("direct", direct),
				   J_BOOL("no-flush", s->cache == CACHE_UNSAFE)),
			  J_OBJECT("file", J_TEXT("driver", disk->device ? "host_device" : "file"),
				   J_TEXT("node-name", file), J_TEXT("filename", fdset),
				   J_TEXT("aio", CHOICE(SETTING_QEMU_AIO, s->aio))),
			  J_RAW("backing", disk->format != FORMAT_QCOW2	 ? NULL
					   : layer + 1 < k->facts->count ? below
									 : "null")));
}

/* A whole disk, attached as DEVICE. */
static void add_disk(const struct builder *b, const struct stack *k, const char *device)
{
	bool sync = b->s->cache == CACHE_WRITETHROUGH || b->s->cache == CACHE_DIRECTSYNC;

	if (k->facts->count == 0)
		return;
	for (int i = k->facts->count - 1; i >= 0;
	     i--) /* a node has to exist before another one refers to it */
		add_layer(b, k, i);
	args_option(b->out, "-device", "%s,drive=%s0,write-cache=%s", device, k->name,
		    sync ? "off" : "on");
}

/* Attach the image FD as a CD-ROM drive DEVICE; both are called NAME. */
static void add_cd(const struct builder *b, int fd, const char *name, const char *device)
{
	char file[40], fdset[32];

	add_fd(b, fd, name);
	(void)snprintf(file, sizeof file, "%s-file", name);
	(void)snprintf(fdset, sizeof fdset, FDSET, fd);
	add_blockdev(b, JSON_LIST(J_TEXT("driver", "raw"), J_TEXT("node-name", name),
				  J_BOOL("read-only", true),
				  J_OBJECT("file", J_TEXT("driver", "file"),
					   J_TEXT("node-name", file), J_TEXT("filename", fdset))));
	args_option(b->out, "-device", "%s,drive=%s", device, name);
}

/* q35 has no floppy controller by default. */
static void add_floppy(const struct builder *b)
{
	const struct stack k = {"floppy", &b->f->more[DISK_FLOPPY], QEMU_FD_MORE + 8 * DISK_FLOPPY};

	if (k.facts->count && is_q35(b->s))
		args_option(b->out, "-device", "isa-fdc");
	add_disk(b, &k, "floppy,bus=floppy-bus.0");
}

/* The controllers, if the machine lacks them, and their drives. With a virtio-blk disk, CD-ROMs
 * are on the machine's own IDE or AHCI, because virtio-blk has no CD-ROM. */
void args_drives(const struct builder *b)
{
	static const char *const names[] = {"second", "third", "fourth", "floppy"};
	static const enum drive drives[] = {DRIVE_2, DRIVE_3, DRIVE_4};
	const struct settings *s = b->s;
	const struct facts *f = b->f;
	bool scsi = s->disk_bus == BUS_SCSI;
	bool mmio = s->disk_bus >= BUS_VIRTIO_MMIO;
	bool virtio = mmio || s->disk_bus == BUS_VIRTIO;
	bool cds = f->has_cdrom || f->has_cdrom2 || f->has_share;
	bool scsi_cd = scsi || (virtio && !arch_of(s)->pc); /* no IDE or AHCI of its own */
	bool own_ahci = s->disk_bus == BUS_AHCI && !is_q35(s);
	bool ide = !own_ahci && !is_q35(s);
	const char *hd = scsi	  ? "scsi-hd,bus=scsi.0"
			 : mmio	  ? "virtio-blk-device,bus=virtio-mmio-bus.0"
			 : virtio ? "virtio-blk-pci"
				  : NULL;
	const char *cd = scsi_cd ? "scsi-cd,bus=scsi.0" : NULL;
	struct places p = {.bus = own_ahci ? "ahci" : "ide", .ide = ide, .count = ide ? 4 : 6};
	const bool wanted[DRIVES] = {
		[DRIVE_1] = !hd && f->disk.count,    [DRIVE_CD] = f->has_cdrom,
		[DRIVE_SHARE] = f->has_share,	     [DRIVE_2] = !hd && f->more[0].count,
		[DRIVE_3] = !hd && f->more[1].count, [DRIVE_4] = !hd && f->more[2].count,
		[DRIVE_CD2] = f->has_cdrom2};
	const struct stack first = {"disk", &f->disk, QEMU_FD_DISK};
	char buf[56];
	bool any = f->disk.count > 0 || cds;

	for (int i = 0; i < DISK_FLOPPY; i++)
		any |= f->more[i].count > 0;
	place(&p, wanted);
	if (any && s->disk_bus == BUS_VIRTIO_MMIO)
		args_option(b->out, "-global", "virtio-mmio.force-legacy=false");
	if (any && (scsi || (scsi_cd && cds)))
		args_option(b->out, "-device", "virtio-scsi-pci,id=scsi");
	if (any && own_ahci)
		args_option(b->out, "-device", "ich9-ahci,id=ahci");
	add_disk(b, &first, hd ? hd : device_of(&p, DRIVE_1, "hd", buf));
	for (int i = 0; i < DISK_FLOPPY; i++) {
		const struct stack k = {names[i], &f->more[i], QEMU_FD_MORE + 8 * i};

		if (mmio)
			(void)snprintf(buf, sizeof buf, "virtio-blk-device,bus=virtio-mmio-bus.%d",
				       i + 1);
		add_disk(b, &k, mmio ? buf : hd ? hd : device_of(&p, drives[i], "hd", buf));
	}
	if (f->has_cdrom)
		add_cd(b, QEMU_FD_CDROM, "cdrom", cd ? cd : device_of(&p, DRIVE_CD, "cd", buf));
	if (f->has_cdrom2)
		add_cd(b, QEMU_FD_CDROM2, "cdrom2", cd ? cd : device_of(&p, DRIVE_CD2, "cd", buf));
	if (f->has_share)
		add_cd(b, QEMU_FD_SHARE, "share", cd ? cd : device_of(&p, DRIVE_SHARE, "cd", buf));
	add_floppy(b);
}
