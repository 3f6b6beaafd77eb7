# guests.mk - the built-in guest, which is built here.
#
# The packages that the build needs are installed by scripts/setup-host (or by hand:
# images/mach-mini/build.sh --packages). Debian's three packages with the kernel are kept in
# build/guests/debs.

GUEST_SRC := $(filter-out %.md,$(shell find images/mach-mini -type f))

guests: build/guests/mach-mini.qcow2 ## build/guests: the built-in guest, GNU Mach with machsh

build/guests/mach-mini.qcow2: $(GUEST_SRC)
	images/mach-mini/build.sh --debs build/guests/debs build/guests

.PHONY: guests
