/* ext2_super.c - see ext2_super.h. All numbers in it are little-endian. */
#include "format/ext2_super.h"

#include <stdio.h>
#include <string.h>

#include "format/bytes.h"

#define MAGIC	   0xef53u
#define GROUPS_MAX (1u << 22) /* of 128 MiB each: 512 TiB */

static bool power_of_two(uint32_t n)
{
	return n && (n & (n - 1)) == 0;
}

static void parse_dynamic(const uint8_t *p, struct ext2_super *s)
{
	s->inode_size = le16(p + 88);
	s->compatible = le32(p + 92);
	s->incompatible = le32(p + 96);
	s->read_only = le32(p + 100);
	memcpy(s->uuid, p + 104, sizeof s->uuid);
	memcpy(s->label, p + 120, sizeof s->label - 1);
	memcpy(s->last_mount, p + 136, sizeof s->last_mount - 1);
	s->first_meta_group = le32(p + 260);
	if (!(s->incompatible & EXT2_64BIT))
		return;
	s->group_desc_size = le16(p + 254);
	s->blocks |= (uint64_t)le32(p + 336) << 32;
}

/* Are the numbers consistent? */
static bool consistent(struct ext2_super *s, uint64_t length)
{
	if (s->first_block != (s->block_size == 1024 ? 1 : 0) || s->blocks <= s->first_block ||
	    s->blocks > length / s->block_size || s->blocks_per_group == 0 ||
	    s->blocks_per_group > 8 * s->block_size || s->inodes == 0 || s->inodes_per_group == 0 ||
	    s->inodes_per_group > 8 * s->block_size || s->inode_size < 128 ||
	    s->inode_size > s->block_size || !power_of_two(s->inode_size) ||
	    s->group_desc_size < 32 || s->group_desc_size > 1024 ||
	    !power_of_two(s->group_desc_size))
		return false;
	uint64_t groups =
		(s->blocks - s->first_block + s->blocks_per_group - 1) / s->blocks_per_group;

	if (groups > GROUPS_MAX || s->inodes / s->inodes_per_group > groups)
		return false;
	s->groups = (uint32_t)groups;
	return true;
}

bool ext2_super_parse(const uint8_t *buf, uint64_t length, struct ext2_super *out)
{
	uint32_t log_size = le32(buf + 24);

	*out = (struct ext2_super){0};
	if (length < EXT2_SUPER_AT + EXT2_SUPER_SIZE || le16(buf + 56) != MAGIC || log_size > 6)
		return false;
	*out = (struct ext2_super){.inodes = le32(buf),
				   .blocks = le32(buf + 4),
				   .first_block = le32(buf + 20),
				   .block_size = 1024u << log_size,
				   .blocks_per_group = le32(buf + 32),
				   .inodes_per_group = le32(buf + 40),
				   .state = le16(buf + 58),
				   .errors = le16(buf + 60),
				   .creator = le32(buf + 72),
				   .inode_size = 128,
				   .group_desc_size = 32};
	if (le32(buf + 76) > 0) /* revision 1 */
		parse_dynamic(buf, out);
	return consistent(out, length);
}

bool ext2_super_clean(const struct ext2_super *s)
{
	return (s->state & EXT2_STATE_CLEAN) && !(s->state & EXT2_STATE_ERRORS) &&
	       !(s->incompatible & EXT2_RECOVER);
}

void ext2_super_uuid(const struct ext2_super *s, char out[37])
{
	const uint8_t *u = s->uuid;

	(void)snprintf(out, 37,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
		       u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		       u[13], u[14], u[15]);
}
