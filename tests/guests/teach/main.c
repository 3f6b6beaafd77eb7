/* main.c - a small kernel modelled on xv6, for tests: it starts all processors, reads a file system
 * and runs a shell, which busy-waits for input, as xv6's scheduler does. It has no ACPI support.
 *
 * The file system (mkfs) is one directory: sector 0 has MAGIC, the number of files and of sectors,
 * and an entry of 32 bytes for each file; a file is contiguous sectors.
 */
#include "teach.h"

#define MAGIC "TEACHFS1"
#define FILES 15u

struct entry {
	char name[24];
	uint32_t start, size;
};

static struct {
	char magic[8];
	uint32_t files, sectors;
	char unused[16];
	struct entry file[FILES];
} disk;

_Static_assert(sizeof disk == SECTOR, "one sector");

static volatile unsigned lock, running;

static void put_text(const char *text)
{
	while (*text)
		machine_put(*text++);
}

static void put_number(uint32_t n)
{
	if (n > 9)
		put_number(n / 10);
	machine_put((char)('0' + n % 10));
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Print `cpuN` and WHAT, not interleaved with the output of other processors. */
static void put_cpu(unsigned cpu, const char *what)
{
	while (__sync_lock_test_and_set(&lock, 1))
		;
	put_text("cpu");
	put_number(cpu);
	put_text(what);
	__sync_lock_release(&lock);
}

static void __attribute__((noreturn)) panic(const char *why)
{
	put_cpu(0, ": panic: ");
	put_text(why);
	put_text("\n");
	for (;;)
		machine_stop();
}

void kmain_other(unsigned cpu)
{
	put_cpu(cpu, ": starting\n");
	__sync_fetch_and_add(&running, 1);
}

static void mount(void)
{
	if (!machine_read(0, &disk))
		panic("no disk 1");
	for (unsigned i = 0; i < sizeof disk.magic; i++)
		if (disk.magic[i] != MAGIC[i])
			panic("no file system on disk 1");
	if (disk.files > FILES)
		panic("too many files");
	put_text("sb: size ");
	put_number(disk.sectors);
	put_text(" files ");
	put_number(disk.files);
	put_text("\n");
}

static void list(void)
{
	for (unsigned i = 0; i < disk.files; i++) {
		put_text(disk.file[i].name);
		put_text(" ");
		put_number(disk.file[i].size);
		put_text("\n");
	}
}

static void print_file(const char *name)
{
	static char sector[SECTOR];
	unsigned i = 0;

	while (i < disk.files && !same(disk.file[i].name, name))
		i++;
	if (i == disk.files) {
		put_text("cat: cannot open ");
		put_text(name);
		put_text("\n");
		return;
	}
	for (uint32_t at = 0; at < disk.file[i].size; at++) {
		if (at % SECTOR == 0 && !machine_read(disk.file[i].start + at / SECTOR, sector))
			panic("disk 1 cannot be read");
		machine_put(sector[at % SECTOR]);
	}
}

/* Write TEXT to the last sector, which belongs to no file. */
static void save(const char *text)
{
	static char sector[SECTOR];

	for (unsigned i = 0; i < SECTOR; i++)
		sector[i] = *text ? *text++ : '\0';
	put_text(machine_write(disk.sectors - 1, sector) ? "saved\n" : "save: fail\n");
}

static void read_line(char *line, unsigned size)
{
	unsigned n = 0;

	for (;;) {
		char c = machine_get();

		if (c == '\r' || c == '\n')
			break;
		if ((c == '\b' || c == 127) && n > 0) {
			n--;
			put_text("\b \b");
		} else if (c >= ' ' && c != 127 && n < size - 1) {
			line[n++] = c;
			machine_put(c);
		}
	}
	line[n] = '\0';
	put_text("\n");
}

static void run(char *line)
{
	char *argument = line;

	while (*argument && *argument != ' ')
		argument++;
	if (*argument)
		*argument++ = '\0';
	if (same(line, "ls")) {
		list();
	} else if (same(line, "cat")) {
		print_file(argument);
	} else if (same(line, "echo")) {
		put_text(argument);
		put_text("\n");
	} else if (same(line, "save")) {
		save(argument);
	} else if (same(line, "panic")) {
		panic(*argument ? argument : "requested");
	} else if (same(line, "halt")) {
		put_text("halted\n");
		machine_stop();
	} else if (*line) {
		put_text("exec: fail\n");
	}
}

void kmain(void)
{
	static char line[80];
	unsigned others;

	machine_start();
	put_text("teach kernel is booting\n");
	others = machine_start_others();
	while (running < others)
		;
	put_cpu(0, ": starting\n");
	mount();
	put_text("init: starting sh\n");
	for (;;) {
		put_text("$ ");
		read_line(line, sizeof line);
		run(line);
	}
}
