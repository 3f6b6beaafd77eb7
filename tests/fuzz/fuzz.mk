# fuzz.mk - every tests/fuzz/fuzz_NAME.c is a libFuzzer target over the parsers, started from
# tests/fuzz/corpus/NAME (in git; what a run finds goes to build/fuzz/NAME). Prints TAP.
# FUZZ_TIME is each target's seconds: 60 by hand, 5 in the test suite, hours for a campaign.

FUZZ_TIME ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_INIT := $(filter init/base/%.c init/format/%.c,$(SRC))

fuzz: $(FUZZ_BIN) ## fuzz the parsers, FUZZ_TIME seconds each (default 60)
	@echo 1..$(words $(FUZZ_BIN)); status=0; for t in $(FUZZ_BIN); do \
		name=$${t##*/fuzz_}; mkdir -p build/fuzz/found/$$name tests/fuzz/corpus/$$name; \
		if $$t -max_total_time=$(FUZZ_TIME) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/found/$$name- build/fuzz/found/$$name \
			tests/fuzz/corpus/$$name >build/fuzz/$$name.log 2>&1; \
		then echo "ok - fuzz $$name, $$(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/$$name.log) runs"; \
		else echo "not ok - fuzz $$name"; sed 's/^/# /' build/fuzz/$$name.log | tail -n 40; status=1; fi; \
	done; exit $$status

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_INIT) $(wildcard init/*/*.h init/*/*.def) tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@clang -std=c17 -D_GNU_SOURCE -Iinit -Itests/unit -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $< $(FUZZ_INIT) -lm

.PHONY: fuzz
