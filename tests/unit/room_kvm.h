/* room_kvm.h - /dev/kvm as a test makes it, in a child with its own /dev. */
#ifndef TEST_ROOM_KVM_H
#define TEST_ROOM_KVM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/kvm.h"
#include "in_child.h"

#define GIVE                                                                                       \
	"docker run --device /dev/kvm, with compose KVM_DEVICE=/dev/kvm, gives a container the "   \
	"host's KVM"

static struct kvm_result r;

/* An empty /dev of our own, with devices or without. */
static inline void mount_empty_dev(unsigned long flags)
{
	new_mount_namespace();
	CHECK(mount("none", "/dev", "tmpfs", flags, "mode=755") == 0);
	CHECK(flags & MS_NODEV || mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) == 0);
}

#endif
