# golden.mk - the expected argument vectors of tests/14-qemu-args.bats.

golden: vm ## write tests/golden/*.args anew; look at git diff afterwards
	tests/golden/golden write

.PHONY: golden
