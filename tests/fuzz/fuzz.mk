# fuzz.mk - every tests/fuzz/fuzz_NAME.c is a libFuzzer target for a parser, started with tests/fuzz/corpus/NAME (in
# git; new inputs go to build/fuzz/NAME). Prints TAP. FUZZ_TIME is the time for each target in seconds: 60 by
# default, 5 in the test suite. As many targets run at once as there are processors.

FUZZ_TIME ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_OBJ := $(patsubst init/%,build/fuzz/obj/%.o,$(filter init/base/%.c init/config/%.c init/format/%.c \
	$(filter-out %_dir.c,$(wildcard init/profile/report*.c init/profile/stats*.c)) init/profile/svg.c,$(SRC)))
FUZZ_CFLAGS := -std=c17 -D_GNU_SOURCE -Iinit -Itests/unit -g -O1 \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

fuzz: $(FUZZ_BIN) ## fuzz the parsers, FUZZ_TIME seconds each (default 60)
	@echo 1..$(words $(FUZZ_BIN)); printf '%s\n' $(FUZZ_BIN) | \
		FUZZ_TIME=$(FUZZ_TIME) xargs -P $(shell nproc) -n 1 tests/fuzz/one

build/fuzz/obj/%.o: init/% tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@clang $(patsubst -fsanitize=fuzzer%,-fsanitize=fuzzer-no-link%,$(FUZZ_CFLAGS)) -MMD -MP -c -o $@ $<

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJ) tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@clang $(FUZZ_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(FUZZ_OBJ) -lm

# Without this make deletes the objects after the first build, as intermediates of build/fuzz/%.
.SECONDARY: $(FUZZ_OBJ)

-include $(FUZZ_OBJ:.o=.d) $(FUZZ_BIN:=.d)

# The sanitised vm-web beside a guest: damaged WebSocket frames, requests and JSON. tests/run has 10 s of it.
fuzz-web: vm ## damaged requests, JSON and WebSocket frames for the sanitised vm-web, FUZZ_TIME seconds
	@WEB_FUZZ_TIME=$(FUZZ_TIME) SEED=$(SEED) bats --print-output-on-failure -f 'damaged frames' tests/84-web.bats

# QEMU's verdict on mutated images compared with ours, for IMAGES images; the test suite uses few.
IMAGES ?= 20000
fuzz-images: build/fuzz/verdict ## mutated images: our verdict against QEMU's, IMAGES of them
	@mkdir -p build/fuzz/images
	@tests/qcow2-compare build/fuzz/verdict build/fuzz/images --mutants $(IMAGES) $(SEED)

# Linked with the program's own objects: without sanitizers a child for each image takes a tenth of the time.
build/fuzz/verdict: tests/fuzz/verdict.c $(filter-out %/main.c.o,$(OBJ)) tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@$(VM_CC) $(CPPFLAGS_VM) $(CFLAGS_VM) -c -o $@.o $<
	@$(LINK_VM) $(LDFLAGS_VM) -o $@ $@.o $(filter-out %.c %.mk,$^)

.PHONY: fuzz fuzz-web fuzz-images
