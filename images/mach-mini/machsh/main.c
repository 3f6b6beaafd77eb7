/* main.c - the bootstrap task: opens the console, then runs one session after the other.
 *
 * The kernel starts a boot module with the arguments given in grub.cfg (boot script), here
 *	machsh HOST-PORT DEVICE-PORT
 * where both are names of send rights, in decimal: the privileged host port and the device master
 * port. Source: GNU Mach's manual, "Bootstrap"; kern/boot_script.c.
 */
#include "machsh.h"

#include <device/device_types.h>
#include <device/tty_status.h>

#include "device.h"
#include "gnumach.h"

mach_port_t host_priv, device_master, console;

static mach_port_t port_argument(const char *word)
{
	uint64_t name;

	return str_number(word, &name) ? (mach_port_t)name : MACH_PORT_NULL;
}

/* Prints WHY through the kernel and waits for ever: the bootstrap task must not end. */
static _Noreturn void give_up(const char *why)
{
	mach_print(why);
	for (;;)
		mach_msg_trap(NULL, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, 0, mach_reply_port(), 1000,
			      MACH_PORT_NULL);
}

/* Eight bits in both directions, no output processing. */
static void make_console_transparent(void)
{
	struct tty_status tty = {0};
	mach_msg_type_number_t n = TTY_STATUS_COUNT;

	if (device_get_status(console, TTY_STATUS, (dev_status_t)&tty, &n) != KERN_SUCCESS)
		return;
	tty.tt_flags |= TF_LITOUT;
	device_set_status(console, TTY_STATUS, (dev_status_t)&tty, n);
}

_Noreturn void machsh_main(long argc, const char *const argv[]); /* called by start.S */

_Noreturn void machsh_main(long argc, const char *const argv[])
{
	if (argc < 3)
		give_up("machsh: needs the host port and the device port as arguments\n");
	host_priv = port_argument(argv[1]);
	device_master = port_argument(argv[2]);
	task_set_name(mach_task_self(), "machsh");
	if (device_open(device_master, D_READ | D_WRITE, "console", &console) != KERN_SUCCESS)
		give_up("machsh: cannot open the console\n");
	make_console_transparent();
	input_init();
	acpi_init();
	out("\nmachsh on ");
	cmd_uname(1, (const char *const[]){"uname", NULL});
	for (;;)
		shell_session();
}
