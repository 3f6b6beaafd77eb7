/* test_power_button.c - reading the power button's enable bit from QEMU's monitor. */
#include "room.h"

#include "pid1/power_button.h"

static int button;

static void on_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	(void)q, (void)doc, (void)error, (void)arg;
	button = power_button_state(result);
}

static int set_up(void **state)
{
	button = -1;
	return room_set_up(state);
}

static void query_button(void)
{
	button = -1;
	assert_true(power_button_ask(&room.env, on_reply, NULL));
	qemu_gets("human-monitor-command", "{\"command-line\":\"i/w 0x602\"}");
}

static void the_enable_and_the_control_register(void **state)
{
	static const struct {
		const char *text;
		enum power_button button;
	} rows[] = {
		{"\"portl[0x0602] = 0x00000000\\r\\n\"", BUTTON_NO_ACPI},
		{"\"portl[0x0602] = 0x00000020\\r\\n\"", BUTTON_NO_ACPI},
		{"\"portl[0x0602] = 0xfffefeff\\r\\n\"", BUTTON_NO_ACPI},
		{"\"portl[0x0602] = 0x00010020\\r\\n\"", BUTTON_OFF},
		{"\"portl[0x0602] = 0xfffffeff\"", BUTTON_OFF},
		{"\"portl[0x0602] = 0x00010100\\r\\n\"", BUTTON_ON},
		{"\"portl[0x0602] = 0x00000521\\r\\n\"", BUTTON_ON},
		{"\"portl[0x0602] = 0xffffffff\"", BUTTON_ON},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		query_button();
		qemu_returns(rows[i].text);
		assert_int_equal(button, rows[i].button);
	}
}

/* A text that is not understood does not mean that the guest ignores the button. */
static void other_texts_are_ignored(void **state)
{
	static const char *const texts[] = {
		"\"\"",
		"\"unknown command: 'i/w 0x602'\\r\\n\"",
		"\"portl[0x0602] = \"",
		"\"portl[0x0602] = 0x000000000\"",
		"\"portl[0x0602] = 0x0000\"",
		"\"portl[0x0602] = 0x00000000 and more\"",
		"\"portl[0x0602] = 0xzzzzzzzz\"",
		"{}",
		"17",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		query_button();
		qemu_returns(texts[i]);
		assert_int_equal(button, BUTTON_ON);
	}
	query_button();
	qemu_fails("no");
	assert_int_equal(button, BUTTON_ON);
	assert_int_equal(power_button_state(NULL), BUTTON_ON);
}

static void machines_without_the_register_are_not_queried(void **state)
{
	static const struct {
		const char *machine;
		bool asked;
	} rows[] = {{"pc", true},     {"pc-i440fx-9.2", true}, {"q35", true},  {"pc-q35-8.2", true},
		    {"isapc", false}, {"microvm", false},      {"virt", false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		room.plan.s.machine = rows[i].machine;
		assert_int_equal(power_button_ask(&room.env, on_reply, NULL), rows[i].asked);
		if (rows[i].asked)
			qemu_acks("human-monitor-command", "{\"command-line\":\"i/w 0x602\"}");
		qemu_is_idle();
	}
}

static void a_qemu_that_does_not_answer(void **state)
{
	(void)state;
	qemu_hangs();
	assert_false(power_button_ask(&room.env, on_reply, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_enable_and_the_control_register),
		TEST(other_texts_are_ignored),
		TEST(machines_without_the_register_are_not_queried),
		TEST(a_qemu_that_does_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
