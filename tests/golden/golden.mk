# golden.mk - the expected argument vectors of tests/31-args.bats.

golden: vm ## write tests/golden/*.args anew; look at git diff afterwards
	tests/golden/golden write

.PHONY: golden
