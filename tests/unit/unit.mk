# unit.mk - every tests/unit/test_NAME.c becomes one program, linked with all of init/ except init/web and the two
# main.c, with the address and undefined-behaviour sanitizers, and is run. With CMOCKA_MESSAGE_OUTPUT=TAP cmocka
# prints TAP.

# These need features that qemu-user does not have: seccomp filters, user namespaces, execution of programs that it
# was not started with, KVM. pattern compares with the C library's regcomp, which takes minutes there.
UNIT_NATIVE := accel attach boot_retry child child_limits clock_sync console disk disk_chain helper kvm lazy_file \
	network pattern peer plain_init privileges qemu_link resume savestate savestate_fail start_cause \
	stop stop_cut stop_unanswered supervisor warm_start
UNIT_SRC := $(filter-out $(if $(CROSS),$(UNIT_NATIVE:%=tests/unit/test_%.c)) $(if $(WEB_LIBS),,tests/unit/test_web_%), \
	$(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
UNIT_OBJ := $(patsubst init/%,$(BUILD)/unit/obj/%.o,$(filter-out init/vm/main.c init/pid1/main.c,$(SRC))) \
	$(BUILD)/unit/obj/vm/messages_table.c.o
# Of vm-web, which needs libwebsockets' headers, a test links only the files that it is about.
UNIT_WEB_OBJ := $(patsubst %,$(BUILD)/unit/obj/web/%.c.o,console watch)
# With CROSS they run under qemu-user, with the glibc that cmocka is linked with and without sanitizers; -O0
# compiles in two thirds of the time but causes false warnings, hence -w.
UNIT_CC := $(if $(CROSS),$(CROSS)-gcc --sysroot=$(CURDIR)/$(CROSS_ROOT),gcc)
UNIT_RUN := $(if $(CROSS),qemu-$(ARCH)-static -L $(CROSS_ROOT))
SANITIZE := $(if $(CROSS),,-fsanitize=address,undefined -fno-sanitize-recover=all)
UNIT_CFLAGS := -std=c17 -D_GNU_SOURCE -DVM_VERSION='"unit"' -Iinit -Itests/unit $(if $(CROSS),-O0 -w,-g -O1) \
	-fno-omit-frame-pointer $(WARNINGS) $(SANITIZE)

unit: $(UNIT_BIN) ## C unit tests under ASan and UBSan; with CROSS=aarch64-linux-gnu under qemu-user
	@status=0; for t in $(UNIT_BIN); do $(UNIT_RUN) $$t || status=1; done; exit $$status

$(BUILD)/unit/obj/%.o: init/% Makefile tests/unit/unit.mk | $(CROSS_ROOT)
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/obj/vm/messages_table.c.o: $(BUILD)/messages.c
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(UNIT_OBJ) tests/unit/unit.mk
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) -Wno-missing-prototypes -MMD -MP -MF $@.d -MT $@ -o $@ $< $(filter %.o,$^) -lcmocka -lm

$(BUILD)/unit/test_web_console: $(UNIT_WEB_OBJ)

# Without this make deletes the objects after the first build, as intermediates of $(BUILD)/unit/%.
.SECONDARY: $(UNIT_OBJ) $(UNIT_WEB_OBJ)

-include $(UNIT_OBJ:.o=.d) $(UNIT_WEB_OBJ:.o=.d) $(UNIT_BIN:=.d)

.PHONY: unit
