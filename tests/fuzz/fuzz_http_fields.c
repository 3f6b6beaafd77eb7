/* fuzz_http_fields.c - libFuzzer target for fields of requests, lines of events, and the status
 * document as metrics. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/http_fields.h"
#include "format/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[65536];
	const struct web_counts counts = {0};
	char small[16];
	long long n, m;
	char *text = malloc(size + 1);
	char *copy = malloc(size + 1);

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memcpy(copy, text, size + 1);
	const char *rest = text + strlen(text) + (strlen(text) < size);

	/* An address, localhost, or a configured name: never another one. */
	if (host_is_allowed(text, "vm.example.org"))
		assert(text[0] && !strchr(text, '/') && !strchr(text, '@'));
	(void)origin_is_host(text, rest);
	if (cookie_value(text, "vm_session", small, sizeof small))
		assert(strlen(small) < sizeof small && strstr(text, "vm_session="));
	assert(secret_equal("abc", text) == (strcmp(text, "abc") == 0));
	(void)bearer_token(text);
	if (event_id_parse(text, &n, &m))
		assert(n >= 0 && m >= -1);
	if (event_name(text, small, sizeof small))
		assert(small[0] &&
		       strspn(small, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(small));
	assert(utf8_complete_length(text, size) <= size &&
	       size - utf8_complete_length(text, size) < 4);
	(void)metrics_write(copy, size, rest, 100, 4096, rest, &counts, out, sizeof out);
	free(copy);
	free(text);
	return 0;
}
