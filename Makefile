# Makefile - `make` alone prints the targets.
#
# The programs are init and vm, compiled from init/**/*.c (and .S) with musl and linked as static-pie. Object files
# are in the same folders below build/obj. Tests, fuzzers, benchmarks and guests have rules of their own in the .mk
# files included below.

VERSION_FILE := $(shell cat VERSION)
# The commit, if this is a repository; the container build gets it as an argument.
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

comma := ,

# --- the program -----------------------------------------------------------------------------

# CROSS=aarch64-linux-gnu (a Debian cross compiler's prefix) builds for that processor, in
# build/aarch64, with the C libraries that scripts/cross-root fetches. With CROSS_ROOT= they are Debian's packages,
# installed for that architecture (Dockerfile). The compiler of a triple of musl (Alpine's) knows where they are.
CROSS ?=
ARCH := $(or $(firstword $(subst -, ,$(CROSS))),$(shell uname -m))
BUILD := build$(if $(CROSS),/$(ARCH))
MUSL := $(findstring musl,$(or $(CROSS),$(shell cc -dumpmachine 2>/dev/null)))
CROSS_ROOT := $(if $(CROSS),$(if $(MUSL),,$(BUILD)/root))
CROSS_CC := $(if $(CROSS),$(CROSS)-gcc,cc)
READELF := $(if $(CROSS),$(CROSS)-)readelf

SRC := $(sort $(shell find init \( -name '*.c' -o -name '*.S' \) -not -path 'init/web/*'))
MESSAGES := $(BUILD)/obj/vm/messages_table.c.o
OBJ := $(SRC:init/%=$(BUILD)/obj/%.o) $(MESSAGES)

CPPFLAGS_WEB := -Iinit -D_GNU_SOURCE -DVM_VERSION='"$(VERSION)"'
CPPFLAGS_VM := $(CPPFLAGS_WEB)
# A newer compiler may print more warnings: `make vm WERROR=` builds in spite of them.
WERROR ?= -Werror
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
# Optimised for size, because PID 1 stays in memory; with GCC 12 even more so, except for the code that all of the
# guest's output passes through.
OPTIMIZE := -Os
CFLAGS_VM = -std=c17 $(WARNINGS) $(OPTIMIZE) -fPIE -fvisibility=hidden -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong \
	-ffile-prefix-map=$(CURDIR)/= $(ALIGN)
LDFLAGS_VM := -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,--build-id=none,-s

# The program relocates itself (init/base/start.c). Relocations are packed if the linker can do it (for aarch64
# since binutils 2.44). If the compiler itself targets musl (Alpine), it needs no further options. The specs
# of musl-gcc support neither -static-pie nor the kernel's headers: glibc's include directories come last, for
# <linux/*.h> only.
LDFLAGS_VM += -nostartfiles -Wl,-e,program_start $(if $(filter x86_64,$(ARCH)),-Wl$(comma)-z$(comma)pack-relative-relocs)
ifneq ($(MUSL),)
VM_CC := $(CROSS_CC)
LINK_VM := $(VM_CC) -static-pie
else
CRT := $(CROSS_ROOT)/usr/lib/$(ARCH)-linux-musl
ifeq ($(CROSS),)
VM_CC := musl-gcc
else
# These options replace the specs of musl-gcc, which name directories of the build machine.
VM_CC := $(CROSS_CC)
CPPFLAGS_VM += -nostdinc -isystem $(CROSS_ROOT)/usr/include/$(ARCH)-linux-musl \
	-isystem $(shell $(CROSS_CC) -print-file-name=include)
LIBS_VM := -nostdlib -L$(CRT) -lc -lgcc
endif
CPPFLAGS_VM += $(addprefix -idirafter $(CROSS_ROOT)/usr/include,/ /$(ARCH)-linux-gnu)
LINK_VM := $(VM_CC) -static -Wl,-pie,--no-dynamic-linker,-z,text
endif
# GCC aligns large constants to 32 bytes on x86, which costs PID 1 some 400 bytes; clang does not, nor has the option.
ALIGN := $(if $(filter x86_64,$(ARCH)),$(shell $(VM_CC) -malign-data=abi -E -x c /dev/null >/dev/null 2>&1 && echo -malign-data=abi))

, := ,

# Commands are printed in a short form; V=1 prints them completely.
Q := $(if $(V),,@)

# Two programs from one tree. init contains no commands, no planner and no parser of settings.
OBJ_OF_VM := $(filter-out $(BUILD)/obj/pid1/%,$(OBJ))
OBJ_OF_INIT := $(filter-out $(addprefix $(BUILD)/obj/,vm/% profile/% plan/%),$(OBJ))

vm: $(BUILD)/vm $(BUILD)/init ## build build/vm and build/init, the static programs of the image (musl); CROSS=aarch64-linux-gnu: build/aarch64/vm

$(BUILD)/vm: $(OBJ_OF_VM)
$(BUILD)/init: $(OBJ_OF_INIT)
# Small replacements for functions of the C library, which would be a tenth of the program: NAME=OURS.
INSTEAD := snprintf=small_snprintf vsnprintf=small_vsnprintf \
	malloc=page_malloc calloc=page_calloc realloc=page_realloc free=page_free \
	strtol=small_strtol strtoul=small_strtoul strtoull=small_strtoull \
	memmem=small_memmem strstr=small_strstr
# Two segments instead of four, each of which would start on a page of its own: code and constants are in one.
$(BUILD)/init: LDFLAGS_VM += $(INSTEAD:%=-Wl,--defsym=%) -Wl,-z,noseparate-code
$(BUILD)/vm $(BUILD)/init:
	$(Q)$(if $(V),,printf 'LD %s\n' $@;) $(LINK_VM) $(LDFLAGS_VM) -Wl,-Map=$@.map -o $@ $^ $(LIBS_VM)

# An order-only dependency: new headers do not cause everything to be compiled again.
ifneq ($(CROSS_ROOT),)
$(CROSS_ROOT): scripts/cross-root
	scripts/cross-root $(ARCH) $@
endif

$(BUILD)/obj/%.o: init/% Makefile | $(CROSS_ROOT)
	@mkdir -p $(@D)
	$(Q)$(if $(V),,printf 'CC %s\n' $<;) $(VM_CC) $(CPPFLAGS_VM) $(if $(filter %.c,$<),$(CFLAGS_VM)) -MMD -MP -c -o $@ $<

# vm with another table of deprecated and removed settings (tests/29-stability.bats).
RETIRED_TABLE ?=
build/retired/vm: $(filter-out build/obj/config/retired.c.o,$(OBJ_OF_VM))
	@mkdir -p $(@D)
	$(Q)$(VM_CC) $(CPPFLAGS_VM) $(CFLAGS_VM) -DRETIRED_TABLE='"$(RETIRED_TABLE)"' -c -o build/retired/retired.o init/config/retired.c
	$(Q)$(LINK_VM) $(LDFLAGS_VM) -o $@ $^ build/retired/retired.o $(LIBS_VM)

# The table of vm messages: the errors and warnings of all sources. An object is compiled again when a header of its
# source changes; its messages are then extracted again.
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

# The compiler does not list files read by .incbin (init/base/embed.h) as dependencies.
$(BUILD)/obj/plan/marker_files.c.o $(BUILD)/unit/obj/plan/marker_files.c.o: \
	$(wildcard init/plan/markers/*.markers)
$(BUILD)/obj/profile/report_vega.c.o $(BUILD)/unit/obj/profile/report_vega.c.o \
	build/fuzz/obj/profile/report_vega.c.o: init/profile/charts.vl.json.in

# The web server uses the system's own C library, because of libwebsockets; if that is not installed, `make vm` does
# not build it. With WEB_SANITIZE=1 it is built with the sanitizers (tests/84-web.bats).
WEB_LIBS := $(if $(CROSS),,$(if $(wildcard /usr/include/libwebsockets.h),-lwebsockets))
WEB_SANITIZE ?=
WEB := $(BUILD)/web-obj$(if $(WEB_SANITIZE),-san)
WEB_PROGRAM := $(BUILD)/vm-web$(if $(WEB_SANITIZE),-san)
WEB_SRC := $(sort $(wildcard init/web/*.c)) $(patsubst %,init/%.c,base/choices base/clock base/colour base/error base/escape \
	base/fds base/io base/json_write base/log base/rate format/answers format/http_fields format/json format/metrics \
	format/replay format/sha256 host/landlock host/seccomp)
WEB_OBJ := $(WEB_SRC:init/%=$(WEB)/%.o)
WEB_CFLAGS := -std=c17 $(WARNINGS) -fPIE -fstack-protector-strong -ffile-prefix-map=$(CURDIR)/= \
	-ffunction-sections -fdata-sections \
	$(if $(WEB_SANITIZE),-g -O1 -DSLOW_S=3 -fsanitize=address$(,)undefined -fno-sanitize-recover=all,-Os -D_FORTIFY_SOURCE=2)
WEB_LDFLAGS := -pie -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack$(if $(WEB_SANITIZE),,$(,)-s)

web-server: $(WEB_PROGRAM) ## build build/vm-web, the web server of VM_WEB=1 (needs libwebsockets' headers)
ifneq ($(WEB_LIBS),)
vm: $(WEB_PROGRAM)
endif

$(WEB_PROGRAM): $(WEB_OBJ)
	$(Q)$(if $(V),,printf 'LD %s\n' $@;) $(CROSS_CC) $(WEB_CFLAGS) $(WEB_LDFLAGS) -o $@ $^ $(or $(WEB_LIBS),-lwebsockets)

$(WEB)/%.o: init/% Makefile
	@mkdir -p $(@D)
	$(Q)$(if $(V),,printf 'CC %s\n' $<;) $(CROSS_CC) $(CPPFLAGS_WEB) $(WEB_CFLAGS) -MMD -MP -c -o $@ $<

-include $(WEB_OBJ:.o=.d)

# Only the files that contain the version are compiled again when it changes.
ifneq ($(VERSION),$(file <$(BUILD)/version))
$(shell mkdir -p $(BUILD) && printf '%s' '$(VERSION)' >$(BUILD)/version)
endif
$(patsubst init/%,$(BUILD)/obj/%.o,$(shell grep -rl VM_VERSION init)): $(BUILD)/version

OZ := $(shell $(VM_CC) -Oz -E -x c /dev/null >/dev/null 2>&1 && echo -Oz -fno-jump-tables)
$(addprefix $(BUILD)/obj/,pid1/% qemu/% host/% proto/% base/% console/% format/%): OPTIMIZE := $(or $(OZ),-Os)
# Code that all of the guest's output passes through, and parsers of whole files.
$(patsubst %,$(BUILD)/obj/%.c.o,console/mux console/mux_client console/mux_input console/mux_output \
	console/prompt format/boot_phases format/ext2 format/guest_disk format/inflate format/json \
	format/pattern format/replay format/sha256 format/telnet format/text): OPTIMIZE := -Os

-include $(OBJ:.o=.d)

# The maximum size of PID 1.
# On arm64 the segments are aligned to 64 KiB.
INIT_BYTES := $(if $(CROSS),450000,200000)

proof: $(BUILD)/vm $(BUILD)/init ## verify that both programs are static-pie, stripped and need no loader, what is linked into them, and the size of init
	@for f in $^; do \
		file $$f && file $$f | grep -q 'static-pie linked.*stripped' && \
		! $(READELF) -lW $$f | grep -qE 'INTERP|GNU_STACK.*RWE' && \
		! $(READELF) -dW $$f | grep -qE 'NEEDED|TEXTREL' && \
		$(READELF) -dW $$f | grep -q 'Flags: NOW PIE' && \
		$(READELF) -lW $$f | grep -q GNU_RELRO && \
		! ldd $$f 2>&1 | grep '=>' && \
		printf '%s: %s bytes, no interpreter, no library, full RELRO\n' $$f "$$(stat -c %s $$f)" || exit 1; \
	done
	@# The image's build has neither scripts/ nor Python.
	@! test -e scripts/check-link || scripts/check-link $(BUILD)
	@test "$$(stat -c %s $(BUILD)/init)" -le $(INIT_BYTES) || { \
		echo 'build/init is larger than $(INIT_BYTES) bytes (INIT_BYTES)'; exit 1; }

# --- the page --------------------------------------------------------------------------------

# The versions of npm's packages are those of web/package-lock.json; the packages for the tests are among them.
NPM := build/npm
$(NPM)/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@mkdir -p $(NPM)
	$(Q)cp $^ $(NPM)/ && cd $(NPM) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null

build/web/index.html: $(NPM)/node_modules/.package-lock.json web/build.mjs $(wildcard web/src/*)
	$(Q)node web/build.mjs build/web $(NPM)/node_modules

web: build/web/index.html ## build the page of vm-web in build/web (npm, esbuild)

# --- the container ---------------------------------------------------------------------------

# GUEST is a qcow2 image or mach-mini, SETTINGS a list of NAME=VALUE (scripts/bake).
image: ## build the image hurd-vm:TAG; GUEST=FILE [WARM=1 NAME=… SETTINGS=…]: with a guest in it; ARCHS='aarch64 riscv64': with these emulators; I386=1: with the 32-bit one
	@$(if $(GUEST),scripts/bake $(if $(WARM),--warm) $(if $(NAME),--name '$(NAME)') \
		$(foreach s,$(SETTINGS),--env '$(s)') '$(GUEST)',scripts/image)

up: ## set up what is missing, build, start, wait until ready, print how to connect
	@scripts/up

hurd: ## download, prepare and start Debian GNU/Hurd; MIRROR=URL, SOURCE=FILE|URL|DATE (scripts/hurd)
	@scripts/hurd

down: ## stop the guest and remove its container
	@scripts/down

# --- checks ----------------------------------------------------------------------------------

TEST_FILES = $(foreach t,$(T),tests/$(t:.bats=).bats)

test: ## run all tests: unit tests, fuzzers, containers; T=36-stop: one bats file (sets up what is missing)
	@tests/run --exist $(TEST_FILES)
	scripts/setup-host test
	$(MAKE) vm web image guests
	tests/run $(TEST_FILES)

# Test files that depend on the behaviour and the messages of QEMU.
QEMU_TESTS := 14-qemu-args 60-snapshot 61-saved-states 65-mapped-states 63-qemu-faults 74-debug 94-ci-service

test-qemu11: ## run the tests that depend on QEMU with QEMU 11, in an image built on a base that has it
	scripts/setup-host test
	$(MAKE) vm guests
	BASE=$$(scripts/base-image qemu11) && export BASE && ARCHS='i386 aarch64 arm riscv64' TAG=on-qemu11 scripts/image && \
		OUT=build/test-qemu11 tests/run --qemu hurd-vm:on-qemu11 $(QEMU_TESTS:%=tests/%.bats)

test-arm64: ## by hand, as root: build both architectures' images, publish them on loopback, start arm64's (tests/arm64-image)
	scripts/setup-host test
	tests/arm64-image

check: ## check formatting, run linters and static analysis, compare generated files
	scripts/setup-host check
	scripts/check

format: ## apply .clang-format to all C files, with the version that `make check` uses
	git ls-files '*.c' '*.h' | xargs $$(command -v clang-format-14 || echo clang-format) -i

docs: vm web-server ## write the generated documentation: tables in docs/, docs/api.yaml, man/, completions/
	scripts/docs

site: ## build the documentation as a web site in build/site/html
	scripts/site

clean: ## remove build/
	rm -rf build

help: ## print this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1 /p' $(MAKEFILE_LIST) | sort -u | \
		while read -r target text; do printf 'make %-10s %s\n' "$$target" "$$text"; done

.PHONY: vm web-server proof web image up hurd down test test-qemu11 test-arm64 check format docs site clean help

-include tests/unit/unit.mk tests/fuzz/fuzz.mk tests/golden/golden.mk tests/soak/soak.mk bench/bench.mk images/guests.mk tests/guests/guests.mk tests/hurd/hurd.mk
