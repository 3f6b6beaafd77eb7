# Makefile - `make` alone prints the targets.
#
# The programs are init and vm, made of init/**/*.c (and .S), compiled with musl and linked as
# static-pie; object files mirror the tree under build/obj. Tests, fuzzers, benchmarks and guests have their own
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

# CROSS=aarch64-linux-gnu (a Debian cross compiler's prefix) builds for that processor, in
# build/aarch64, with the C libraries that scripts/cross-root fetches.
CROSS ?=
ARCH := $(or $(firstword $(subst -, ,$(CROSS))),$(shell uname -m))
BUILD := build$(if $(CROSS),/$(ARCH))
CROSS_ROOT := $(if $(CROSS),$(BUILD)/root)

SRC := $(sort $(shell find init -name '*.c' -o -name '*.S'))
MESSAGES := $(BUILD)/obj/vm/messages_table.c.o
OBJ := $(SRC:init/%=$(BUILD)/obj/%.o) $(MESSAGES)

CPPFLAGS_VM := -Iinit -D_GNU_SOURCE -DVM_VERSION='"$(VERSION)"'
# A newer compiler than ours may warn of more: `make vm WERROR=` builds all the same.
WERROR ?= -Werror
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
# Small code: PID 1 stays in memory. Where the compiler can (GCC 12), smaller still, but not for what all
# the guest's output goes through.
OPTIMIZE := -Os
CFLAGS_VM = -std=c17 $(WARNINGS) $(OPTIMIZE) -fPIE -fvisibility=hidden -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong \
	-ffile-prefix-map=$(CURDIR)/=
LDFLAGS_VM := -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,--build-id=none,-s

# Where the system's own compiler is musl's (Alpine), it does all by itself. musl-gcc's specs know
# neither -static-pie nor the kernel's headers: rcrt1.o, which relocates itself, is named by hand,
# and glibc's include directories come last, for <linux/*.h> only.
ifneq ($(if $(CROSS),,$(findstring musl,$(shell cc -dumpmachine 2>/dev/null))),)
VM_CC := cc
LINK_VM := $(VM_CC) -static-pie
else
CRT := $(CROSS_ROOT)/usr/lib/$(ARCH)-linux-musl
ifeq ($(CROSS),)
VM_CC := musl-gcc
else
# What musl-gcc's specs do, which name the build machine's directories.
VM_CC := $(CROSS)-gcc
CPPFLAGS_VM += -nostdinc -isystem $(CROSS_ROOT)/usr/include/$(ARCH)-linux-musl \
	-isystem $(shell $(CROSS)-gcc -print-file-name=include)
LIBS_VM := -nostdlib -L$(CRT) -lc -lgcc
endif
CPPFLAGS_VM += $(addprefix -idirafter $(CROSS_ROOT)/usr/include,/ /$(ARCH)-linux-gnu)
LINK_VM := $(VM_CC) -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text \
	$(CRT)/rcrt1.o $(CRT)/crti.o $(CRT)/crtn.o
endif

# What runs is shown in short; V=1 shows it whole.
Q := $(if $(V),,@)

# Two programs of one tree. init has nothing of the commands, the planner and the parsers of settings.
OBJ_OF_VM := $(filter-out $(BUILD)/obj/pid1/%,$(OBJ))
OBJ_OF_INIT := $(filter-out $(addprefix $(BUILD)/obj/,vm/% profile/% plan/%),$(OBJ))

vm: $(BUILD)/vm $(BUILD)/init ## build build/vm and build/init, the static programs of the image (musl); CROSS=aarch64-linux-gnu: build/aarch64/vm

$(BUILD)/vm: $(OBJ_OF_VM)
$(BUILD)/init: $(OBJ_OF_INIT)
# What is smaller than the C library's, which would be a tenth of it: NAME=OURS.
INSTEAD := snprintf=small_snprintf vsnprintf=small_vsnprintf \
	malloc=page_malloc calloc=page_calloc realloc=page_realloc free=page_free \
	strtol=small_strtol strtoul=small_strtoul strtoull=small_strtoull \
	memmem=small_memmem strstr=small_strstr
# Two segments instead of four, each of which would begin a page of its own: code and constants are together.
$(BUILD)/init: LDFLAGS_VM += $(INSTEAD:%=-Wl,--defsym=%) -Wl,-z,noseparate-code
$(BUILD)/vm $(BUILD)/init:
	$(Q)$(if $(V),,printf 'LD %s\n' $@;) $(LINK_VM) $(LDFLAGS_VM) -Wl,-Map=$@.map -o $@ $^ $(LIBS_VM)

# Only ordered before the objects: new headers are no reason to compile everything again.
ifneq ($(CROSS),)
$(CROSS_ROOT): scripts/cross-root
	scripts/cross-root $(ARCH) $@
endif

$(BUILD)/obj/%.o: init/% Makefile | $(CROSS_ROOT)
	@mkdir -p $(@D)
	$(Q)$(if $(V),,printf 'CC %s\n' $<;) $(VM_CC) $(CPPFLAGS_VM) $(if $(filter %.c,$<),$(CFLAGS_VM)) -MMD -MP -c -o $@ $<

# The table of vm messages: the errors and warnings of every source. An object is compiled again when
# a header of its source changes, and its messages are read again then.
MESSAGES_AWK := $(patsubst %,init/vm/messages/%.awk,messages texts tokens)
$(BUILD)/obj/%.messages: init/% $(BUILD)/obj/%.o $(MESSAGES_AWK)
	$(Q)$(VM_CC) $(CPPFLAGS_VM) -E -o $@.i $< && awk -v source=$< $(MESSAGES_AWK:%=-f %) $@.i >$@; \
		status=$$?; rm -f $@.i; exit $$status

$(BUILD)/messages.c: $(patsubst init/%,$(BUILD)/obj/%.messages,$(filter %.c,$(SRC)))
	$(Q){ printf '#include "vm/messages.h"\n\nconst struct message messages[] = {\n'; \
		awk '{ row = $$0; sub(/"[^"]*"/, "", row) } !seen[row]++' $^; \
		printf '{.text = 0},\n};\n'; } >$@

$(MESSAGES): $(BUILD)/messages.c
	$(Q)$(VM_CC) $(CPPFLAGS_VM) $(CFLAGS_VM) -MMD -MP -c -o $@ $<

# What .incbin reads is no dependency that a compiler writes down.
$(BUILD)/obj/plan/marker_files.c.o $(BUILD)/unit/obj/plan/marker_files.c.o: \
	$(wildcard init/plan/markers/*.markers)

# Files that name the version are compiled again when it changes, and no others.
ifneq ($(VERSION),$(file <$(BUILD)/version))
$(shell mkdir -p $(BUILD) && printf '%s' '$(VERSION)' >$(BUILD)/version)
endif
$(patsubst init/%,$(BUILD)/obj/%.o,$(shell grep -rl VM_VERSION init)): $(BUILD)/version

OZ := $(shell $(VM_CC) -Oz -E -x c /dev/null >/dev/null 2>&1 && echo -Oz -fno-jump-tables)
$(addprefix $(BUILD)/obj/,pid1/% qemu/% host/% proto/% base/% console/% format/%): OPTIMIZE := $(or $(OZ),-Os)
# What all the guest's output goes through, and whole files of others.
$(patsubst %,$(BUILD)/obj/%.c.o,console/mux console/mux_client console/mux_input console/mux_output \
	console/prompt format/boot_phases format/ext2 format/guest_disk format/inflate format/json \
	format/pattern format/replay format/sha256 format/telnet format/text): OPTIMIZE := -Os

-include $(OBJ:.o=.d)

# How large PID 1 may be.
# On arm64 the segments are aligned to 64 KiB.
INIT_BYTES := $(if $(CROSS),450000,200000)

proof: $(BUILD)/vm $(BUILD)/init ## verify that both programs are static-pie, stripped and need no loader, what is linked into them, and the size of init
	@for f in $^; do \
		file $$f && file $$f | grep -q 'static-pie linked.*stripped' && \
		! readelf -lW $$f | grep -qE 'INTERP|GNU_STACK.*RWE' && \
		! readelf -dW $$f | grep -qE 'NEEDED|TEXTREL' && \
		readelf -dW $$f | grep -q 'Flags: NOW PIE' && \
		readelf -lW $$f | grep -q GNU_RELRO && \
		! ldd $$f 2>&1 | grep '=>' && \
		printf '%s: %s bytes, no interpreter, no library, full RELRO\n' $$f "$$(stat -c %s $$f)" || exit 1; \
	done
	@# The image's build has neither scripts/ nor Python.
	@! test -e scripts/check-link || scripts/check-link $(BUILD)
	@test "$$(stat -c %s $(BUILD)/init)" -le $(INIT_BYTES) || { \
		echo 'build/init is larger than $(INIT_BYTES) bytes (INIT_BYTES)'; exit 1; }

# --- the container ---------------------------------------------------------------------------

# GUEST is a qcow2 image or mach-mini, SETTINGS a list of NAME=VALUE (scripts/bake).
image: ## build the image hurd-vm:TAG; GUEST=FILE [WARM=1 NAME=… SETTINGS=…]: with a guest in it; ARCHS='aarch64 riscv64': with these emulators; I386=1: with the 32-bit one
	@$(if $(GUEST),scripts/bake $(if $(WARM),--warm) $(if $(NAME),--name '$(NAME)') \
		$(foreach s,$(SETTINGS),--env '$(s)') '$(GUEST)',scripts/image)

up: ## set up what is missing, build, start, wait until ready, print how to connect
	@scripts/up

down: ## stop the guest and remove its container
	@scripts/down

# --- checks ----------------------------------------------------------------------------------

TEST_FILES = $(foreach t,$(T),tests/$(t:.bats=).bats)

test: ## run all tests: unit tests, fuzzers, containers; T=36-stop: one bats file (sets up what is missing)
	@tests/run --exist $(TEST_FILES)
	scripts/setup-host test
	$(MAKE) vm image guests
	tests/run $(TEST_FILES)

# Files whose tests depend on what QEMU does and says.
QEMU_TESTS := 14-qemu-args 60-snapshot 61-saved-states 65-mapped-states 63-qemu-faults 74-debug 94-ci-service

test-qemu11: ## run the tests that depend on QEMU with QEMU 11, in an image built on a base that has it
	scripts/setup-host test
	$(MAKE) vm guests
	BASE=$$(scripts/base-image qemu11) && export BASE && ARCHS='i386 aarch64 arm riscv64' TAG=on-qemu11 scripts/image && \
		OUT=build/test-qemu11 tests/run --qemu hurd-vm:on-qemu11 $(QEMU_TESTS:%=tests/%.bats)

check: ## check formatting, run linters and static analysis, compare generated files
	scripts/setup-host check
	scripts/check

format: ## apply .clang-format to all C files, with the version that `make check` uses
	git ls-files '*.c' '*.h' | xargs $$(command -v clang-format-14 || echo clang-format) -i

docs: vm ## write the generated documentation: tables in docs/, man/, completions/
	scripts/docs

site: ## build the documentation as a web site in build/site/html
	scripts/site

clean: ## remove build/
	rm -rf build

help: ## print this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1 /p' $(MAKEFILE_LIST) | sort -u | \
		while read -r target text; do printf 'make %-10s %s\n' "$$target" "$$text"; done

.PHONY: vm proof image up down test test-qemu11 check format docs site clean help

-include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/golden/golden.mk tests/soak/soak.mk bench/bench.mk images/guests.mk tests/guests/guests.mk tests/hurd/hurd.mk
