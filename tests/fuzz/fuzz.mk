# fuzz.mk - every tests/fuzz/fuzz_NAME.c is a libFuzzer target over the parsers, started from
# tests/fuzz/corpus/NAME (in git; what a run finds goes to build/fuzz/NAME). Prints TAP.
# FUZZ_TIME is each target's seconds: 60 by hand, 5 in the test suite, hours for a campaign. As many
# run at once as there are processors.

FUZZ_TIME ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_OBJ := $(patsubst init/%,build/fuzz/obj/%.o,$(filter init/base/%.c init/format/%.c,$(SRC)))
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

-include $(FUZZ_OBJ:.o=.d) $(FUZZ_BIN:=.d)

.PHONY: fuzz
