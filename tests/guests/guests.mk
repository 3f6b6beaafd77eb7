# guests.mk - the guests that only the tests use.
#
# `make guests` (images/guests.mk) builds these too. Debian's packages are kept in build/guests/debs/linux; build.sh
# does nothing if its inputs have not changed.

LINUX_GUEST := $(addprefix build/guests/linux,.qcow2 -big.qcow2 -vmlinuz -initrd -kvm.cpio.gz \
	-key -key.pub)

ARCH_GUESTS := $(foreach name,aarch64 aarch64-16k arm riscv64,$(addprefix build/guests/linux-$(name)-,kernel initrd))

guests: $(LINUX_GUEST) $(ARCH_GUESTS) build/guests/mach-i386/machsh

$(LINUX_GUEST) &: $(wildcard tests/guests/linux/*)
	tests/guests/linux/build.sh --debs build/guests/debs/linux build/guests

$(ARCH_GUESTS) &: $(wildcard tests/guests/linux-arch/*) tests/guests/linux/dhcp build/guests/linux-key.pub
	tests/guests/linux-arch/build.sh --debs build/guests/debs/linux-arch build/guests

build/guests/mach-i386/machsh: $(wildcard tests/guests/mach-i386/* images/mach-mini/machsh/*.[chS])
	tests/guests/mach-i386/build.sh --debs build/guests/debs/mach-i386 build/guests/mach-i386
