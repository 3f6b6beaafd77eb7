/* matrix.c - the cells of a matrix, and the settings of each (profiler.h). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "profile/profiler.h"

static const char *const settings[AXES] = {
	[AXIS_CPUS] = "QEMU_SMP",    [AXIS_CPU_MODEL] = "QEMU_CPU",   [AXIS_RAM] = "QEMU_RAM",
	[AXIS_ACCEL] = "QEMU_ACCEL", [AXIS_MACHINE] = "QEMU_MACHINE", [AXIS_BUS] = "QEMU_DISK_BUS",
	[AXIS_BOOT] = NULL,	     [AXIS_ARCH] = "QEMU_ARCH",	      [AXIS_CACHE] = "QEMU_CACHE",
	[AXIS_AIO] = "QEMU_AIO",     [AXIS_THREADS] = "QEMU_ACCEL",   [AXIS_IOTHREADS] = NULL,
	[AXIS_TOPOLOGY] = NULL,
};

/* QEMU's option for a separate I/O thread for every virtio-blk disk. */
#define IOTHREAD                                                                                   \
	"-object iothread,id=profile-io -global virtio-blk-pci.iothread=profile-io "               \
	"-global virtio-blk-device.iothread=profile-io"

static void add_to_key(struct cell *c, const char *value)
{
	size_t n = strlen(c->key);

	if (n < sizeof c->key - 1)
		c->key[n++] = '_';
	for (; *value && n < sizeof c->key - 1; value++)
		c->key[n++] = isalnum((unsigned char)*value) || *value == '.' ? *value : '-';
	c->key[n] = '\0';
}

/* The cell at INDEX of the product of all values; the CPUs vary fastest. */
static void make_cell(const struct profiler_options *o, size_t index, struct cell *cell,
		      struct choice *choice)
{
	(void)snprintf(cell->key, sizeof cell->key, "cpu");
	for (int a = 0; a < AXES; a++) {
		size_t n = o->counts[a];

		choice->value[a] = n ? o->values[a][index % n] : NULL;
		if (n <= 1 && (n == 0 || a != AXIS_CPUS))
			continue;
		if (a == AXIS_IOTHREADS) /* a bare 0 or 1 would not be understandable */
			add_to_key(cell, choice->value[a][0] == '1' ? "iothread" : "no-iothread");
		else
			add_to_key(cell, choice->value[a]);
		index /= n ? n : 1;
	}
}

bool matrix_make(const struct profiler_options *o, struct report *r, struct choice *choice,
		 struct error *err)
{
	size_t cells = 1;

	for (int a = 0; a < AXES; a++)
		cells *= o->counts[a] ? o->counts[a] : 1;
	if (cells > REPORT_CELLS || cells * (size_t)(o->samples + o->warm_up) > REPORT_SAMPLES)
		return error_set(
			err, EXIT_BAD_USAGE, "use fewer values or samples",
			"a matrix of %zu cells with %ld samples each: at most %d cells and "
			"%d samples are possible",
			cells, o->samples + o->warm_up, REPORT_CELLS, REPORT_SAMPLES);
	for (size_t i = 0; i < cells; i++) {
		make_cell(o, i, &r->cell[i], &choice[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->cell[k].key, r->cell[i].key) == 0)
				return error_set(err, EXIT_BAD_USAGE, "name each value once",
						 "two cells of the matrix are the same: %s",
						 r->cell[i].key);
	}
	r->cells = cells;
	return true;
}

/* Append NAME=VALUE. */
static bool add(struct environment *e, const char *name, const char *value)
{
	size_t room = sizeof e->text - e->used;
	int n = snprintf(e->text + e->used, room, "%s=%s", name, value);

	if (n < 0 || (size_t)n >= room || e->count == ENVIRONMENT_MAX)
		return false;
	e->vars[e->count++] = e->text + e->used;
	e->vars[e->count] = NULL;
	e->used += (size_t)n + 1;
	return true;
}

static bool names(const char *var, const char *name)
{
	size_t n = strlen(name);

	return strncmp(var, name, n) == 0 && var[n] == '=';
}

/* Settings that are replaced in a profile; "" is equivalent to unset. */
static const struct {
	const char *name, *value;
} fixed[] = {
	{"QEMU_DISK_MODE", "throwaway"},
	{"QEMU_OVERLAY", ""},
	{"QEMU_DEBUG", "none"},
	{"VM_TRACE", ""},
	{"SERIAL_PORT", "0"},
	{"SERIAL_RAW_PORT", "0"},
	{"MONITOR_PORT", "0"},
	{"ENABLE_VNC", "0"},
	{"VM_WEB", "0"},
	{"VM_DISPLAY", "none"},
	{"GDB", "0"},
	{"GDB_WAIT", "0"},
	{"VM_BIND", "127.0.0.1"},
	{"VM_ON_REBOOT", "exit"},
	{"VM_BOOT_TIMEOUT", "0"},
	{"VM_BOOT_RETRIES", "0"},
};

/* The VM_BOOT for C's --boot; NULL: as in the settings. */
static const char *boot_way(const struct choice *c)
{
	const char *boot = c->value[AXIS_BOOT];

	return !boot || strcmp(boot, "kernel") == 0 ? NULL
	       : strcmp(boot, "disk") == 0	    ? "firmware"
						    : "direct";
}

static bool has_iothreads(const struct choice *c)
{
	return c->value[AXIS_IOTHREADS] && strcmp(c->value[AXIS_IOTHREADS], "1") == 0;
}

static bool is_replaced(const char *var, const struct choice *c, const char *markers,
			const char *forwards)
{
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (names(var, fixed[i].name))
			return true;
	for (int a = 0; a < AXES; a++)
		if (settings[a] && c->value[a] && names(var, settings[a]))
			return true;
	if (boot_way(c) && (names(var, "VM_BOOT") || names(var, "QEMU_KERNEL") ||
			    names(var, "QEMU_INITRD") || names(var, "QEMU_APPEND")))
		return true;
	if (has_iothreads(c) && names(var, "QEMU_EXTRA_ARGS"))
		return true;
	return (markers && names(var, "VM_MARKERS")) ||
	       (forwards && (names(var, "QEMU_HOSTFWDS") || names(var, "VM_READY")));
}

/* C's value of AXIS. TCG's threads are part of QEMU_ACCEL, which can be set only once. */
static bool add_axis(struct environment *e, const struct choice *c, int axis)
{
	char accel[AXIS_VALUE + 16];

	if (!settings[axis] || !c->value[axis])
		return true;
	if (axis == AXIS_ACCEL && c->value[AXIS_THREADS])
		return true;
	if (axis != AXIS_THREADS)
		return add(e, settings[axis], c->value[axis]);
	(void)snprintf(accel, sizeof accel, "tcg,thread=%s", c->value[axis]);
	return add(e, settings[axis], accel);
}

/* The user's own QEMU_EXTRA_ARGS are kept. */
static bool add_iothread(struct environment *e, char *const envp[])
{
	static const char name[] = "QEMU_EXTRA_ARGS=";
	char text[8192];
	const char *theirs = "";

	for (; *envp; envp++)
		if (strncmp(*envp, name, strlen(name)) == 0)
			theirs = *envp + strlen(name);
	if (snprintf(text, sizeof text, "%s %s", theirs, IOTHREAD) >= (int)sizeof text)
		return false;
	return add(e, "QEMU_EXTRA_ARGS", text);
}

#define ARCH_MARK "{arch}"

/* Settings that name what is of one architecture: ARCH_MARK in them stands for its name. */
static bool is_of_arch(const char *var)
{
	static const char *const of_arch[] = {"QEMU_KERNEL", "QEMU_INITRD", "QEMU_APPEND",
					      "QEMU_DTB",    "QEMU_BIOS",   "QEMU_DRIVE"};

	for (size_t i = 0; i < sizeof of_arch / sizeof *of_arch; i++)
		if (names(var, of_arch[i]))
			return strstr(var, ARCH_MARK);
	return false;
}

bool environment_has_arch(char *const envp[], const char *setting)
{
	for (; *envp; envp++)
		if (names(*envp, setting) && is_of_arch(*envp))
			return true;
	return false;
}

/* VAR at the end, with ARCH for each ARCH_MARK. */
static bool add_of_arch(struct environment *e, const char *var, const char *arch)
{
	char text[8192];
	size_t used = 0;

	for (const char *next; used < sizeof text && (next = strstr(var, ARCH_MARK)) != NULL;
	     var = next + strlen(ARCH_MARK))
		used += (size_t)snprintf(text + used, sizeof text - used, "%.*s%s",
					 (int)(next - var), var, arch);
	if (used < sizeof text)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s", var);
	if (used >= sizeof text)
		return false;
	char *value = strchr(text, '=');

	*value++ = '\0';
	return add(e, text, value);
}

bool environment_make(char *const envp[], const struct choice *c, const char *markers,
		      const char *forwards, struct environment *out)
{
	char *const *all = envp;
	bool ok = true;

	out->count = out->used = 0;
	for (; *envp && out->count < ENVIRONMENT_MAX; envp++) {
		if (is_replaced(*envp, c, markers, forwards))
			continue;
		if (c->value[AXIS_ARCH] && is_of_arch(*envp))
			ok &= add_of_arch(out, *envp, c->value[AXIS_ARCH]);
		else
			out->vars[out->count++] = *envp;
	}
	out->vars[out->count] = NULL;
	ok &= *envp == NULL;
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		ok &= add(out, fixed[i].name, fixed[i].value);
	for (int a = 0; a < AXES; a++)
		ok &= add_axis(out, c, a);
	if (has_iothreads(c))
		ok &= add_iothread(out, all);
	if (boot_way(c))
		ok &= add(out, "VM_BOOT", boot_way(c));
	if (markers)
		ok &= add(out, "VM_MARKERS", markers);
	if (forwards) /* the profiler itself checks for readiness */
		ok &= add(out, "QEMU_HOSTFWDS", forwards) && add(out, "VM_READY", "running");
	return ok;
}

bool environment_set(struct environment *e, const char *name, const char *value)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->count; i++)
		if (!names(e->vars[i], name))
			e->vars[kept++] = e->vars[i];
	e->count = kept;
	e->vars[kept] = NULL;
	return add(e, name, value);
}
