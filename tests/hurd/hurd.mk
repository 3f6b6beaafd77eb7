# hurd.mk - test a Hurd image of your own: HURD_TEST_IMAGE=FILE make test-hurd

test-hurd: ## try a GNU/Hurd image: HURD_TEST_IMAGE=FILE make test-hurd
	@test -f "$$HURD_TEST_IMAGE" || { echo 'say which: HURD_TEST_IMAGE=FILE make test-hurd' >&2; exit 64; }
	scripts/setup-host test
	$(MAKE) vm image
	tests/run tests/hurd/hurd.bats

.PHONY: test-hurd
