/* cmd_test.c - commands that print, take time, or set a status, for tests of console servers and of
 * programs that type commands. */
#include "machsh.h"

int cmd_echo(int argc, const char *const argv[])
{
	int first = argc > 1 && str_eq(argv[1], "-n") ? 2 : 1;

	for (int i = first; i < argc; i++)
		OUT(i > first ? " " : "", argv[i]);
	if (first == 1)
		out_char('\n');
	return 0;
}

int cmd_true(int argc, const char *const argv[])
{
	(void)argc, (void)argv;
	return 0;
}

int cmd_false(int argc, const char *const argv[])
{
	uint64_t status = 1;

	if (argc > 2 || (argc == 2 && (!str_number(argv[1], &status) || status > 255)))
		return usage_error(argv);
	return (int)status;
}

/* The one optional argument of sleep and spin, as milliseconds (1 s if there is none). */
static bool duration(int argc, const char *const argv[], uint64_t *ms)
{
	*ms = 1000;
	return argc == 1 || (argc == 2 && str_seconds(argv[1], ms));
}

int cmd_sleep(int argc, const char *const argv[])
{
	uint64_t now = clock_ms(), ms, end;

	if (!duration(argc, argv, &ms))
		return usage_error(argv);
	for (end = now + ms; now < end; now = clock_ms())
		if (input_interrupted(end - now > POLL_MS ? POLL_MS : (uint32_t)(end - now)))
			return STATUS_BREAK;
	return 0;
}

int cmd_spin(int argc, const char *const argv[])
{
	uint64_t now = clock_ms(), ms, end;

	if (!duration(argc, argv, &ms))
		return usage_error(argv);
	for (end = now + ms; now < end; now = clock_ms()) {
		for (volatile uint32_t i = 0; i < 2000000; i++) /* some 10 ms under TCG */
			;
		if (input_interrupted(0))
			return STATUS_BREAK;
	}
	return 0;
}

int cmd_flood(int argc, const char *const argv[])
{
	uint64_t kb = 1;

	if (argc > 2 || (argc == 2 && !str_number(argv[1], &kb)))
		return usage_error(argv);
	for (uint64_t line = 1; line <= kb * 16; line++) { /* 64 bytes each, CR LF included */
		out_pad(line, 8, '0');
		out(" abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\n");
		if (line % 64 == 0 && input_interrupted(0))
			return STATUS_BREAK;
	}
	return 0;
}

int cmd_bytes(int argc, const char *const argv[])
{
	uint8_t all[256];

	if (argc > 1)
		return usage_error(argv);
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	out("<<<BYTES");
	out_raw(all, sizeof all);
	out("BYTES>>>\n");
	return 0;
}

int cmd_noise(int argc, const char *const argv[])
{
	uint64_t ms = 0;

	if (argc != 2 || (!str_eq(argv[1], "off") && !str_seconds(argv[1], &ms)))
		return usage_error(argv);
	noise_set(ms);
	return 0;
}
