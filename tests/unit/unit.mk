# unit.mk - every tests/unit/test_NAME.c becomes one program, linked with all of init/ but main.c
# under the address and undefined-behaviour sanitizers, and run. cmocka speaks TAP when told by
# CMOCKA_MESSAGE_OUTPUT=TAP.

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=build/unit/%)
UNIT_OBJ := $(patsubst init/%,build/unit/obj/%.o,$(filter-out init/main.c,$(SRC)))
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_CFLAGS := -std=c17 -D_GNU_SOURCE -DVM_VERSION='"unit"' -Iinit -Itests/unit -g -O1 \
	-fno-omit-frame-pointer $(WARNINGS) $(SANITIZE)

unit: $(UNIT_BIN) ## C unit tests under ASan and UBSan
	@status=0; for t in $(UNIT_BIN); do $$t || status=1; done; exit $$status

build/unit/obj/%.o: init/% Makefile tests/unit/unit.mk
	@mkdir -p $(@D)
	@gcc $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

build/unit/%: tests/unit/%.c $(UNIT_OBJ) tests/unit/unit.mk
	@mkdir -p $(@D)
	@gcc $(UNIT_CFLAGS) -Wno-missing-prototypes -MMD -MP -MF $@.d -MT $@ -o $@ $< $(UNIT_OBJ) -lcmocka -lm

-include $(UNIT_OBJ:.o=.d) $(UNIT_BIN:=.d)

.PHONY: unit
