/* cmd_power.c - commands that end the machine, or this task: acpi, halt, reboot, panic, fault.
 *
 * ../README.md describes what QEMU does after each of them. The options of host_reboot are
 * those of <sys/reboot.h>.
 */
#include "machsh.h"

#include "gnumach.h"
#include "mach.h"
#include "mach_host.h"

#define RB_AUTOBOOT 0
#define RB_HALT	    8
#define RB_DEBUGGER 0x1000

int cmd_acpi(int argc, const char *const argv[])
{
	if (argc > 2 || (argc == 2 && !str_eq(argv[1], "on") && !str_eq(argv[1], "off")))
		return usage_error(argv);
	if (argc == 2)
		acpi_enable(str_eq(argv[1], "on"));
	acpi_describe();
	return 0;
}

/* Returns only if the kernel refuses, or reboots later. */
static int reboot_by_kernel(int options)
{
	kern_return_t r;

	out_flush();
	r = host_reboot(host_priv, options);
	return r == KERN_SUCCESS ? 0 : out_failed("host_reboot", r);
}

int cmd_halt(int argc, const char *const argv[])
{
	if (argc > 2 || (argc == 2 && !str_eq(argv[1], "-k")))
		return usage_error(argv);
	if (argc == 2) {
		out("asking the kernel to halt\n");
	} else {
		out("halting\n");
		acpi_poweroff();
		out("no ACPI power-off; asking the kernel to halt\n");
	}
	return reboot_by_kernel(RB_HALT);
}

int cmd_reboot(int argc, const char *const argv[])
{
	if (argc > 1)
		return usage_error(argv);
	out("rebooting\n");
	return reboot_by_kernel(RB_AUTOBOOT);
}

/* Removes all permissions from the first memory region of the kernel's task, which the privileged
 * host port gives access to. */
static int protect_kernel(void)
{
	mach_port_t name, set;
	task_array_t tasks;
	mach_msg_type_number_t n;
	kern_return_t r;

	r = processor_set_default(host_priv, &name);
	if (r != KERN_SUCCESS)
		return out_failed("processor_set_default", r);
	r = host_processor_set_priv(host_priv, name, &set);
	if (r != KERN_SUCCESS)
		return out_failed("host_processor_set_priv", r);
	r = processor_set_tasks(set, &tasks, &n);
	if (r != KERN_SUCCESS)
		return out_failed("processor_set_tasks", r);
	for (mach_msg_type_number_t i = 0; i < n; i++) {
		vm_address_t address = 0;
		vm_size_t size;
		vm_prot_t protection, maximum;
		vm_inherit_t inheritance;
		boolean_t shared;
		mach_port_t object;
		vm_offset_t offset;

		if (tasks[i] == mach_task_self() ||
		    vm_region(tasks[i], &address, &size, &protection, &maximum, &inheritance,
			      &shared, &object, &offset) != KERN_SUCCESS)
			continue;
		out("protecting the kernel's ");
		out_hex(size, 8);
		out(" bytes at ");
		out_hex(address, 16);
		out("\n");
		out_flush();
		return out_failed("vm_protect",
				  vm_protect(tasks[i], address, size, FALSE, VM_PROT_NONE));
	}
	out("no kernel task\n");
	return 1;
}

int cmd_panic(int argc, const char *const argv[])
{
	const char *how = argc == 2 ? argv[1] : "debugger";

	if (argc > 2)
		return usage_error(argv);
	out_flush();
	if (str_eq(how, "debugger")) /* this kernel has none, and panics */
		return reboot_by_kernel(RB_DEBUGGER);
	if (str_eq(how, "kernel"))
		return protect_kernel();
	if (!str_eq(how, "task"))
		return usage_error(argv);
	/* The only task ends. This causes no panic, even though the task is marked as essential. */
	task_set_essential(mach_task_self(), TRUE);
	return out_failed("task_terminate", task_terminate(mach_task_self()));
}

/* This task has no exception server: the kernel ends it without a message, and idles. */
int cmd_fault(int argc, const char *const argv[])
{
	if (argc > 1)
		return usage_error(argv);
	out("writing to address 0\n");
	out_flush();
	__asm__ volatile("movl $1, 0" : : : "memory");
	out("still here\n");
	return 1;
}
