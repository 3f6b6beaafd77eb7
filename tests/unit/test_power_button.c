/* test_power_button.c - reading the power button's enable bit from QEMU's monitor. */
#include "room.h"

#include "pid1/power_button.h"

static int button;

static void on_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	(void)q, (void)doc, (void)error, (void)arg;
	button = power_button_state(&room.plan.button, result);
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
	assert_int_equal(power_button_state(&room.plan.button, NULL), BUTTON_ON);
}

static void machines_without_the_register_are_not_queried(void **state)
{
	static const struct {
		int arch;
		const char *machine, *kernel, *bios;
		const char *query;
	} rows[] = {{ARCH_X86_64, "pc", NULL, NULL, "i/w 0x602"},
		    {ARCH_I386, "pc-i440fx-9.2", NULL, NULL, "i/w 0x602"},
		    {ARCH_X86_64, "q35", NULL, NULL, "i/w 0x602"},
		    {ARCH_X86_64, "pc-q35-8.2", "kernel", NULL, "i/w 0x602"},
		    {ARCH_X86_64, "isapc", NULL, NULL, NULL},
		    {ARCH_X86_64, "microvm", NULL, NULL, NULL},
		    {ARCH_AARCH64, "virt", "kernel", NULL, "xp/1xw 0x9030410"},
		    {ARCH_ARM, "virt-9.2,highmem=off", "kernel", NULL, "xp/1xw 0x9030410"},
		    {ARCH_AARCH64, "virt", NULL, NULL, NULL},
		    {ARCH_AARCH64, "virt", "kernel", "u-boot.bin", NULL},
		    {ARCH_AARCH64, "raspi3b", "kernel", NULL, NULL},
		    {ARCH_RISCV64, "virt", "kernel", NULL, NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char arguments[64];

		room.plan.s.arch = rows[i].arch;
		room.plan.s.machine = rows[i].machine;
		room.plan.s.kernel = rows[i].kernel;
		room.plan.s.bios = rows[i].bios;
		plan_power_button(&room.plan);
		assert_int_equal(power_button_ask(&room.env, on_reply, NULL),
				 rows[i].query != NULL);
		if (rows[i].query) {
			(void)snprintf(arguments, sizeof arguments, "{\"command-line\":\"%s\"}",
				       rows[i].query);
			qemu_acks("human-monitor-command", arguments);
		}
		qemu_is_idle();
	}
}

/* Arm's GPIO controller: line 3; there is no ACPI that would have to be switched on. */
static void the_gpio_controller(void **state)
{
	static const struct {
		const char *text;
		enum power_button button;
	} rows[] = {
		{"\"0000000009030410: 0x00000000\\r\\n\"", BUTTON_OFF},
		{"\"0000000009030410: 0x000000f7\\r\\n\"", BUTTON_OFF},
		{"\"0000000009030410: 0x00000008\\r\\n\"", BUTTON_ON},
		{"\"Cannot access memory\\r\\n\"", BUTTON_ON},
	};

	(void)state;
	room.plan.s.arch = ARCH_AARCH64;
	room.plan.s.machine = "virt";
	room.plan.s.kernel = "kernel";
	plan_power_button(&room.plan);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		button = -1;
		assert_true(power_button_ask(&room.env, on_reply, NULL));
		qemu_gets("human-monitor-command", "{\"command-line\":\"xp/1xw 0x9030410\"}");
		qemu_returns(rows[i].text);
		assert_int_equal(button, rows[i].button);
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
		TEST(the_gpio_controller),
		TEST(a_qemu_that_does_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
