/* fuzz_settings.c - libFuzzer target for the environment: lines of NAME=VALUE become settings,
 * errors, or both. */
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings s;
	static struct errors errs;
	static struct errors warnings;
	char *envp[65] = {0};
	size_t n = 0;
	char *text = malloc(size + 1);
	char *save = NULL;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line && n < 64;
	     line = strtok_r(NULL, "\n", &save))
		envp[n++] = line;
	errs.count = warnings.count = 0;
	bool ok = settings_parse(envp, &s, &errs);

	if (ok != (errs.count == 0))
		abort();
	(void)settings_resolve(&s, 1u << 30, &errs, &warnings);
	if (s.guest == GUEST_AUTO || s.disk_bus == BUS_AUTO || !s.machine || s.cpus < 1 ||
	    s.ram_mb < 1)
		abort();
	for (int i = 0; i < SETTINGS_COUNT; i++) {
		char value[64];

		(void)setting_text(&s, (enum setting_id)i, value, sizeof value);
	}
	free(text);
	return 0;
}
