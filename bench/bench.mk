# bench.mk - `make bench`: times and sizes, compared with a shell entrypoint and with the papers' QEMU command line.
# A missed target is no failure; the results are written to docs/benchmarks.md.
#
# BENCH_N (default 5) is the number of boots of each kind; there are four times as many start-ups on
# the host and twice as many in containers. The default takes about three minutes.

bench: ## measure start-up, size, memory and boot; write docs/benchmarks.md (BENCH_N=5)
	scripts/setup-host test
	$(MAKE) vm web image guests build/bench/stamp build/bench/until
	bench/run '$(IMAGE)'

build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(VM_CC) -static -std=c17 -D_GNU_SOURCE $(WARNINGS) -Os -s -o $@ $<

.PHONY: bench
