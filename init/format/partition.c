/* partition.c - see partition.h. */
#include "format/partition.h"

#include <string.h>

#include "format/bytes.h"

#define SECTOR	     512u
#define MBR_ENTRIES  446u
#define MBR_ENTRY    16u
#define LOGICAL_LAST 63u
/* UEFI 5.3.2 and 5.3.3. */
#define GPT_ENTRY_MIN 128u
#define GPT_ENTRY_MAX 4096u

struct reader {
	const struct read_at *disk;
	struct partitions *out;
	struct error *err;
};

/* Read sector NUMBER into BUF; a sector beyond the disk is zeros. */
static bool read_sector(const struct reader *r, uint64_t number, uint8_t buf[SECTOR])
{
	memset(buf, 0, SECTOR);
	if (number >= r->disk->size / SECTOR)
		return true;
	return r->disk->read(r->disk->ctx, number * SECTOR, buf, SECTOR, r->err);
}

/* Add a partition of SECTORS sectors from START on, cut at the disk's end; ignore it if it is
 * beyond. */
static void add(const struct reader *r, unsigned number, unsigned type, uint64_t start,
		uint64_t sectors)
{
	uint64_t end = r->disk->size / SECTOR;
	struct partitions *p = r->out;

	if (start == 0 || start >= end || sectors == 0 || p->count == PARTITIONS_MAX)
		return;
	if (sectors > end - start)
		sectors = end - start;
	p->list[p->count++] = (struct partition){.start = start * SECTOR,
						 .length = sectors * SECTOR,
						 .number = number,
						 .type = type};
}

static bool is_signed(const uint8_t *sector)
{
	return sector[510] == 0x55 && sector[511] == 0xaa;
}

static bool is_extended(unsigned type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* Entry I of the table in SECTOR. */
struct mbr_entry {
	unsigned type;
	uint32_t start, sectors;
};

static struct mbr_entry entry_at(const uint8_t *sector, unsigned i)
{
	const uint8_t *p = sector + MBR_ENTRIES + i * (size_t)MBR_ENTRY;

	return (struct mbr_entry){.type = p[4], .start = le32(p + 8), .sectors = le32(p + 12)};
}

/* Follow the chain of tables in the extended partition that begins at sector FIRST. Each table has
 * a partition, relative to the table, and a link, relative to FIRST. */
static bool read_logical(const struct reader *r, uint64_t first)
{
	uint8_t sector[SECTOR];
	uint64_t at = first;

	for (unsigned number = 5; number <= LOGICAL_LAST; number++) {
		if (!read_sector(r, at, sector))
			return false;
		if (!is_signed(sector))
			return true;
		struct mbr_entry e = entry_at(sector, 0);
		struct mbr_entry next = entry_at(sector, 1);

		if (e.type)
			add(r, number, e.type, at + e.start, e.sectors);
		/* libfdisk writes links in increasing order only; one that goes back would form a
		 * cycle. */
		if (!is_extended(next.type) || first + next.start <= at)
			return true;
		at = first + next.start;
	}
	return true;
}

static bool read_mbr(const struct reader *r, const uint8_t *sector)
{
	for (unsigned i = 0; i < 4; i++) {
		struct mbr_entry e = entry_at(sector, i);

		if (is_extended(e.type)) {
			if (!read_logical(r, e.start))
				return false;
		} else if (e.type) {
			add(r, i + 1, e.type, e.start, e.sectors);
		}
	}
	return true;
}

/* GUIDs as stored on the disk: the first three fields are little-endian (UEFI, appendix A). Linux'
 * are listed in the Discoverable Partitions Specification. */
static unsigned type_of(const uint8_t guid[16])
{
	static const struct {
		uint8_t guid[16];
		unsigned type;
	} known[] = {
		{{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8,
		  0x47, 0x7d, 0xe4},
		 PARTITION_LINUX},
		/* root (x86-64), root (x86) */
		{{0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d, 0x96, 0xe7, 0xfb, 0xca, 0xf9,
		  0x84, 0xb7, 0x09},
		 PARTITION_LINUX},
		{{0x40, 0x95, 0x47, 0x44, 0x97, 0xf2, 0xb2, 0x41, 0x9a, 0xf7, 0xd1, 0x31, 0xd5,
		  0xf0, 0x45, 0x8a},
		 PARTITION_LINUX},
		/* /home, /srv, and boot (XBOOTLDR) */
		{{0xe1, 0xc7, 0x3a, 0x93, 0xb4, 0x2e, 0x13, 0x4f, 0xb8, 0x44, 0x0e, 0x14, 0xe2,
		  0xae, 0xf9, 0x15},
		 PARTITION_LINUX},
		{{0x25, 0x84, 0x8f, 0x3b, 0xe0, 0x20, 0x3b, 0x4f, 0x90, 0x7f, 0x1a, 0x25, 0xa7,
		  0x6f, 0x98, 0xe8},
		 PARTITION_LINUX},
		{{0xff, 0xc2, 0x13, 0xbc, 0xe6, 0x59, 0x62, 0x42, 0xa3, 0x52, 0xb2, 0x75, 0xfd,
		  0x6f, 0x71, 0x72},
		 PARTITION_LINUX},
		{{0x6d, 0xfd, 0x57, 0x06, 0xab, 0xa4, 0xc4, 0x43, 0x84, 0xe5, 0x09, 0x33, 0xc8,
		  0x4b, 0x4f, 0x4f},
		 PARTITION_SWAP},
		{{0x79, 0xd3, 0xd6, 0xe6, 0x07, 0xf5, 0xc2, 0x44, 0xa2, 0x3c, 0x23, 0x8f, 0x2a,
		  0x3d, 0xf9, 0x28},
		 PARTITION_LVM},
		{{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9,
		  0x3e, 0xc9, 0x3b},
		 PARTITION_ESP},
	};
	static const uint8_t none[16];

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (memcmp(guid, known[i].guid, sizeof known[i].guid) == 0)
			return known[i].type;
	return memcmp(guid, none, sizeof none) == 0 ? PARTITION_NONE : PARTITION_OTHER;
}

/* HEADER is sector 1. Checksums are not verified, as the firmware does not either for a BIOS boot.
 */
static bool read_gpt(const struct reader *r, const uint8_t *header)
{
	uint64_t table = le64(header + 72);
	uint32_t count = le32(header + 80);
	uint32_t size = le32(header + 84);
	uint8_t sector[SECTOR];

	if (size < GPT_ENTRY_MIN || size > GPT_ENTRY_MAX || size % GPT_ENTRY_MIN ||
	    table >= r->disk->size / SECTOR)
		return true;
	for (uint32_t i = 0; i < count && i < PARTITIONS_MAX; i++) {
		uint64_t at = (uint64_t)i * size;
		const uint8_t *e = sector + at % SECTOR;

		/* The first 128 bytes of an entry never cross a sector boundary. */
		if (!read_sector(r, table + at / SECTOR, sector))
			return false;
		unsigned type = type_of(e);
		uint64_t first = le64(e + 32);
		uint64_t last = le64(e + 40);

		if (type == PARTITION_NONE || last < first || last == UINT64_MAX)
			continue;
		size_t before = r->out->count;

		add(r, i + 1, type, first, last - first + 1);
		if (r->out->count > before)
			r->out->list[before].gpt = true;
	}
	return true;
}

bool partitions_read(const struct read_at *disk, struct partitions *out, struct error *err)
{
	const struct reader r = {.disk = disk, .out = out, .err = err};
	uint8_t mbr[SECTOR];
	uint8_t second[SECTOR];

	out->count = 0;
	if (!read_sector(&r, 0, mbr) || !read_sector(&r, 1, second))
		return false;
	if (memcmp(second, "EFI PART", 8) == 0)
		return read_gpt(&r, second);
	if (is_signed(mbr))
		return read_mbr(&r, mbr);
	if (disk->size >= SECTOR)
		out->list[out->count++] =
			(struct partition){.length = disk->size / SECTOR * SECTOR};
	return true;
}

bool partition_holds_files(const struct partition *p)
{
	return p->number == 0 || p->type == PARTITION_LINUX || p->type == PARTITION_HURD;
}
