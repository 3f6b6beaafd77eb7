/* test_serial_text.c - the encodings and checksums of transfers on a serial line, compared with
 * cksum(1), sha256sum(1) and RFC 4648. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/serial_text.h"
#include "format/sha256.h"

static void checksums_agree_with_the_programs(void **state)
{
	char sum[SHA256_TEXT];
	char million[1000];

	(void)state;
	assert_int_equal(posix_cksum("", 0), 4294967295u);
	assert_int_equal(posix_cksum("123456789", 9), 930766865u);
	sha256_text("", 0, sum);
	assert_string_equal(sum,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_text("abc", 3, sum);
	assert_string_equal(sum,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	memset(million, 'a', sizeof million);
	/* 55, 56 and 64 bytes: lengths for which the length field fits into the last block, and
	 * does not. */
	sha256_text(million, 55, sum);
	assert_string_equal(sum,
			    "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	sha256_text(million, 56, sum);
	assert_string_equal(sum,
			    "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	sha256_text(million, 64, sum);
	assert_string_equal(sum,
			    "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

static void base64_of_every_length(void **state)
{
	static const char *const texts[] = {"",		"Zg==",	    "Zm8=",    "Zm9v",
					    "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	char text[SERIAL_TEXT_MAX(6)];
	uint8_t back[16];

	(void)state;
	for (size_t n = 0; n <= 6; n++) {
		size_t len = serial_encode(CODE_BASE64, (const uint8_t *)"foobar", n, text);

		assert_int_equal(len, strlen(texts[n]));
		assert_memory_equal(text, texts[n], len);
		assert_int_equal(serial_decode(CODE_BASE64, text, len, back), n);
		assert_memory_equal(back, "foobar", n);
	}
}

static void digits(void **state)
{
	char text[SERIAL_TEXT_MAX(3)];
	uint8_t back[8];

	(void)state;
	assert_int_equal(serial_encode(CODE_DIGITS, (const uint8_t *)"\0A\377", 3, text), 15);
	assert_memory_equal(text, "\\0000\\0101\\0377", 15);
	assert_int_equal(serial_decode(CODE_DIGITS, "0041ff", 6, back), 3);
	assert_memory_equal(back, "\0A\377", 3);
}

static void other_text_is_refused(void **state)
{
	static const char *const bad[] = {"Zg=", "Z", "Zg=a", "Z===", "====", "Z m8", "Zm\0v"};
	uint8_t back[8];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(
			serial_decode(CODE_BASE64, bad[i], i < 6 ? strlen(bad[i]) : 4, back), -1);
	assert_int_equal(serial_decode(CODE_DIGITS, "0", 1, back), -1);
	assert_int_equal(serial_decode(CODE_DIGITS, "0G", 2, back), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_agree_with_the_programs),
		cmocka_unit_test(base64_of_every_length),
		cmocka_unit_test(digits),
		cmocka_unit_test(other_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
