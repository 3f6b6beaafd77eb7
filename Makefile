# Makefile - what people type. `make` alone prints the targets.
#
# The program is every init/**/*.c (and .S), compiled with musl and linked as one static-pie binary;
# object files mirror the tree under build/obj. Tests, fuzzers, benchmarks and guests have their own
# rules in the .mk files included below.

VERSION_FILE := $(shell cat VERSION)
# The commit, where there is a repository; the container build is given it as an argument.
VERSION ?=
ifeq ($(VERSION),)
override VERSION := $(or $(shell git describe --tags --always --dirty --match 'v*' 2>/dev/null | \
	sed 's/^v//; /\./!s/^/$(VERSION_FILE)-g/'),$(VERSION_FILE))
endif
export VERSION

TAG ?= latest
IMAGE := hurd-vm:$(TAG)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# --- the program -----------------------------------------------------------------------------

SRC := $(sort $(shell find init -name '*.c' -o -name '*.S'))
OBJ := $(SRC:init/%=build/obj/%.o)

CPPFLAGS_VM := -Iinit -D_GNU_SOURCE -DVM_VERSION='"$(VERSION)"'
# A newer compiler than ours may warn of more: `make vm WERROR=` builds all the same.
WERROR ?= -Werror
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
CFLAGS_VM := -std=c17 $(WARNINGS) -Os -fPIE -fvisibility=hidden -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong \
	-ffile-prefix-map=$(CURDIR)/=
LDFLAGS_VM := -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,--build-id=none,-s

# Where the system's own compiler is musl's (Alpine), it does all by itself. musl-gcc's specs know
# neither -static-pie nor the kernel's headers: rcrt1.o, which relocates itself, is named by hand,
# and glibc's include directories come last, for <linux/*.h> only.
ifneq ($(findstring musl,$(shell cc -dumpmachine 2>/dev/null)),)
VM_CC := cc
LINK_VM := $(VM_CC) -static-pie
else
VM_CC := musl-gcc
ARCH := $(shell uname -m)
CPPFLAGS_VM += -idirafter /usr/include -idirafter /usr/include/$(ARCH)-linux-gnu
CRT := /usr/lib/$(ARCH)-linux-musl
LINK_VM := $(VM_CC) -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text \
	$(CRT)/rcrt1.o $(CRT)/crti.o $(CRT)/crtn.o
endif

# What runs is shown in short; V=1 shows it whole.
Q := $(if $(V),,@)

vm: build/vm ## build/vm, the program of the image, static (musl)

build/vm: $(OBJ)
	$(Q)$(if $(V),,printf 'LD %s\n' $@;) $(LINK_VM) $(LDFLAGS_VM) -o $@ $(OBJ)

build/obj/%.o: init/% Makefile
	@mkdir -p $(@D)
	$(Q)$(if $(V),,printf 'CC %s\n' $<;) $(VM_CC) $(CPPFLAGS_VM) $(if $(filter %.c,$<),$(CFLAGS_VM)) -MMD -MP -c -o $@ $<

# What .incbin reads is no dependency that a compiler writes down.
build/obj/guest/marker_files.c.o build/unit/obj/guest/marker_files.c.o: \
	$(wildcard init/guest/markers/*.markers)

# Files that name the version are compiled again when it changes, and no others.
ifneq ($(VERSION),$(file <build/version))
$(shell mkdir -p build && printf '%s' '$(VERSION)' >build/version)
endif
$(patsubst init/%,build/obj/%.o,$(shell grep -rl --include='*.c' VM_VERSION init)): build/version

-include $(OBJ:.o=.d)

proof: build/vm ## show that build/vm is static-pie, stripped, and asks for no loader
	@file build/vm
	@file build/vm | grep -q 'static-pie linked.*stripped'
	@! readelf -lW build/vm | grep -qE 'INTERP|GNU_STACK.*RWE'
	@! readelf -dW build/vm | grep -qE 'NEEDED|TEXTREL'
	@readelf -dW build/vm | grep -q 'Flags: NOW PIE'
	@readelf -lW build/vm | grep -q GNU_RELRO
	@! ldd build/vm 2>&1 | grep '=>'
	@printf '%s bytes, no interpreter, no library, full RELRO\n' "$$(stat -c %s build/vm)"

# --- the container ---------------------------------------------------------------------------

# GUEST is a qcow2 image or mach-mini, SETTINGS a list of NAME=VALUE (scripts/bake).
image: ## build the image hurd-vm:TAG; GUEST=FILE [WARM=1 NAME=… SETTINGS=…] bakes a guest into one
	@$(if $(GUEST),scripts/bake $(if $(WARM),--warm) $(if $(NAME),--name '$(NAME)') \
		$(foreach s,$(SETTINGS),--env '$(s)') '$(GUEST)',scripts/image)

up: ## set up what is missing, build, start, wait until ready, say how to connect
	@scripts/up

down: ## stop the guest and remove its container
	@scripts/down

# --- checks ----------------------------------------------------------------------------------

test: ## everything: unit tests, short fuzz runs, containers (sets up what is missing)
	scripts/setup-host test
	$(MAKE) vm image guests
	tests/run

check: ## format, linters, static analysis
	scripts/setup-host check
	scripts/check

format: ## apply .clang-format to every C file
	git ls-files '*.c' '*.h' | xargs clang-format -i

docs: vm ## write the generated parts of README.md and docs/
	scripts/docs

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1 /p' $(MAKEFILE_LIST) | sort -u | \
		while read -r target text; do printf 'make %-10s %s\n' "$$target" "$$text"; done

.PHONY: vm proof image up down test check format docs clean help

-include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/golden/golden.mk tests/soak/soak.mk bench/bench.mk images/guests.mk tests/guests/guests.mk tests/hurd/hurd.mk
