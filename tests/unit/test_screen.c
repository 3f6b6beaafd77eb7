/* The keys of screen.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/screen.h"

static void chords(void **state)
{
	static const struct {
		const char *name, *chord;
	} rows[] = {
		{"enter", "ret"},
		{"escape", "esc"},
		{"ctrl-c", "ctrl-c"},
		{"ctrl-alt-delete", "ctrl-alt-delete"},
		{"shift-f12", "shift-f12"},
		{"9", "9"},
		{"", NULL},
		{"-", NULL},
		{"ctrl-", NULL},
		{"A", NULL},
		{"f13", NULL},
		{"enter x", NULL},
		{"a\n", NULL},
		{"backspace-backspace-backspace-backspace-backspace-backspace-backspace", NULL}};
	char chord[KEY_CHORD];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool known = key_chord(rows[i].name, chord);

		assert_int_equal(known, rows[i].chord != NULL);
		if (known)
			assert_string_equal(chord, rows[i].chord);
	}
}

/* Every printable character of ASCII has a key of its own. */
static void characters(void **state)
{
	char seen[95][KEY_CHORD];
	unsigned char bad = 0;

	(void)state;
	for (int c = ' '; c <= '~'; c++) {
		assert_true(screen_char((char)c, seen[c - ' ']));
		for (int other = ' '; other < c; other++)
			assert_string_not_equal(seen[c - ' '], seen[other - ' ']);
	}
	assert_string_equal(seen['A' - ' '], "shift-a");
	assert_string_equal(seen['?' - ' '], "shift-slash");
	assert_true(screen_can_type("a\r\n\t\033\177", 6, &bad));
	assert_false(screen_can_type("a\xe9z", 3, &bad));
	assert_int_equal(bad, 0xe9);
	assert_false(screen_can_type("\0", 1, &bad));
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(chords), cmocka_unit_test(characters)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
