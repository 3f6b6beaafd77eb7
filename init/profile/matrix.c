/* matrix.c - the cells of a matrix, and the settings of each (profiler.h). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "profile/profiler.h"

static const char *const settings[AXES] = {
	[AXIS_CPUS] = "QEMU_SMP",    [AXIS_CPU_MODEL] = "QEMU_CPU",   [AXIS_RAM] = "QEMU_RAM",
	[AXIS_ACCEL] = "QEMU_ACCEL", [AXIS_MACHINE] = "QEMU_MACHINE", [AXIS_BUS] = "QEMU_DISK_BUS",
	[AXIS_BOOT] = NULL,
};

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
		if (n > 1 || (n == 1 && a == AXIS_CPUS))
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

/* NAME=VALUE at the end. */
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

/* Settings that are another's in a profile; "" is as good as unset. */
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
	{"VM_DISPLAY", "none"},
	{"GDB", "0"},
	{"GDB_WAIT", "0"},
	{"VM_BIND", "127.0.0.1"},
	{"VM_ON_REBOOT", "exit"},
	{"VM_BOOT_TIMEOUT", "0"},
	{"VM_BOOT_RETRIES", "0"},
};

/* The VM_BOOT of C's --boot; NULL: as the settings say. */
static const char *boot_way(const struct choice *c)
{
	const char *boot = c->value[AXIS_BOOT];

	return !boot || strcmp(boot, "kernel") == 0 ? NULL
	       : strcmp(boot, "disk") == 0	    ? "firmware"
						    : "direct";
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
	return (markers && names(var, "VM_MARKERS")) ||
	       (forwards && (names(var, "QEMU_HOSTFWDS") || names(var, "VM_READY")));
}

bool environment_make(char *const envp[], const struct choice *c, const char *markers,
		      const char *forwards, struct environment *out)
{
	bool ok = true;

	out->count = out->used = 0;
	for (; *envp && out->count < ENVIRONMENT_MAX; envp++)
		if (!is_replaced(*envp, c, markers, forwards))
			out->vars[out->count++] = *envp;
	out->vars[out->count] = NULL;
	ok &= *envp == NULL;
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		ok &= add(out, fixed[i].name, fixed[i].value);
	for (int a = 0; a < AXES; a++)
		if (settings[a] && c->value[a])
			ok &= add(out, settings[a], c->value[a]);
	if (boot_way(c))
		ok &= add(out, "VM_BOOT", boot_way(c));
	if (markers)
		ok &= add(out, "VM_MARKERS", markers);
	if (forwards) /* what ready is, the profiler sees to */
		ok &= add(out, "QEMU_HOSTFWDS", forwards) && add(out, "VM_READY", "running");
	return ok;
}
