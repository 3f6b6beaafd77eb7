/* machsh.h - what the parts of machsh share.
 *
 * machsh is the only task on a GNU Mach kernel: a login and a small shell on Mach's console,
 * freestanding (no C library), with MIG's stubs for RPCs. From the top down:
 *
 *	main.c		opens the console, and runs one session after the other
 *	shell.c		login, prompt, table of commands, parser
 *	cmd_info.c	commands that query the kernel
 *	cmd_test.c	commands that print, take time, or set a status
 *	cmd_power.c	commands that end the machine, or this task
 *	input.c		lines and ^C from the console
 *	acpi.c		power button and power off
 *	noise.c		unsolicited messages
 *	output.c	text to the console
 *	text.c clock.c	strings and numbers; time since boot
 *	start.S mig_support.c	entry point and traps; what MIG's stubs need
 */
#ifndef MACHSH_H
#define MACHSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/mig_support.h>

#define MACHSH_VERSION "1.0"

/* Traps (start.S); mach_msg_trap is declared by <mach/message.h>. */
mach_port_t mach_reply_port(void);
mach_port_t mach_task_self(void);
mach_port_t mach_host_self(void);
void mach_print(const char *text); /* the kernel's own printing, before the console is open */

/* Send rights that the kernel gave on our command line, and the console's (main.c). */
extern mach_port_t host_priv, device_master, console;

/* --- text.c: strings are NUL-terminated --- */
size_t str_len(const char *s);
bool str_eq(const char *a, const char *b);
/* Reads S, decimal digits and nothing else, into *N; false (and *N untouched) if it is no number
 * of at most 18 digits. */
bool str_number(const char *s, uint64_t *n);
/* The same for seconds with at most three decimals ("2", "0.25"), as milliseconds. */
bool str_seconds(const char *s, uint64_t *ms);

/* --- clock.c --- */
uint64_t clock_ms(void); /* milliseconds since boot */

/* --- output.c: collected until a flush; the input functions and out_raw() flush first --- */
void out_raw(const void *bytes, size_t n); /* unchanged, at once; blocks while the line is busy */
void out_flush(void);
void out_char(char c); /* LF becomes CR LF */
void out(const char *s);
void out_all(const char *const *strings); /* up to a null pointer */
#define OUT(...) out_all((const char *const[]){__VA_ARGS__, NULL})
void out_num(uint64_t n);
void out_pad(uint64_t n, unsigned int width, char pad); /* right-aligned in WIDTH (at most 23) */
void out_hex(uint64_t n, unsigned int digits);
/* Prints which call failed with which kernel error; returns the status 1. */
int out_failed(const char *call, kern_return_t error);

/* --- acpi.c --- */
extern bool acpi_enabled; /* react to the power button */
void acpi_init(void);
void acpi_enable(bool on);
void acpi_describe(void); /* prints chip, ports and registers */
void acpi_poweroff(void); /* returns only if that did not work */
void acpi_poll(void);	  /* powers off if the button was pressed */

/* --- noise.c --- */
void noise_set(uint64_t interval_ms); /* 0: none */
void noise_poll(void);		      /* prints a line if it is due */

/* --- input.c --- */
#define LINE_EOF      (-1)
#define LINE_BREAK    (-2)
#define LINE_TOO_LONG (-3)

void input_init(void);
/* Reads a line with echo and editing; stores it without its end, NUL-terminated. Returns its
 * length or one of the above. */
int input_line(char *line, int size);
/* Waits at most MS milliseconds (0: not at all) while a command runs. True: ^C was typed; earlier
 * input is discarded. */
bool input_interrupted(uint32_t ms);
#define POLL_MS 100 /* the interval at which the power button is polled */

/* --- commands: each gets its words, argv[0] is its name, and returns its status --- */
#define STATUS_USAGE	 2
#define STATUS_NOT_FOUND 127
#define STATUS_BREAK	 130

/* shell.c */
extern int last_status; /* $? */
void shell_session(void);
int usage_error(const char *const argv[]); /* prints the usage of argv[0]; returns STATUS_USAGE */

typedef int command_fn(int argc, const char *const argv[]);

command_fn cmd_uname, cmd_version, cmd_uptime, cmd_date, cmd_mem, cmd_cpus;
command_fn cmd_echo, cmd_true, cmd_false, cmd_sleep, cmd_spin, cmd_flood, cmd_bytes, cmd_noise;
command_fn cmd_acpi, cmd_halt, cmd_reboot, cmd_panic, cmd_fault;

#endif
