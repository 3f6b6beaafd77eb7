# soak.mk - long runs: thousands of starts and stops, and a hundred and fifty guests that are cut off.

SOAK_CYCLES ?= 1000
SOAK_KILLS ?= 100
SOAK_CUTS ?= 50

soak: ## start and stop 1000 times, cut off 150 times: nothing leaks, nothing that was synced is lost
	tests/soak/cycles $(SOAK_CYCLES)
	tests/soak/container-cycles $(SOAK_CYCLES)
	tests/soak/kills $(SOAK_KILLS)
	tests/soak/power-cuts $(SOAK_CUTS)

.PHONY: soak
