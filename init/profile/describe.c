/* describe.c - describes a run from the plans of its cells (profiler_internal.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/guest_preset.h"
#include "profile/profiler_internal.h"

/* The word after OPTION in the argument vector, if the vector contains it. */
static const char *argument_of(const struct args *a, const char *option)
{
	for (size_t i = 0; i + 1 < a->count; i++)
		if (strcmp(a->argv[i], option) == 0)
			return a->argv[i + 1];
	return "";
}

/* The resolved values of a cell's choices. */
static void describe_cell(struct cell *c, const struct plan *plan, const struct choice *choice)
{
	const char *boot = choice->value[AXIS_BOOT];
	const char *io = choice->value[AXIS_IOTHREADS];
	const char *machine = argument_of(&plan->args, "-machine");
	char word[32];

	(void)snprintf(c->value[AXIS_CPUS], AXIS_VALUE, "%ld", plan->s.cpus);
	(void)snprintf(c->value[AXIS_CPU_MODEL], AXIS_VALUE, "%s",
		       argument_of(&plan->args, "-cpu"));
	(void)snprintf(c->value[AXIS_RAM], AXIS_VALUE, "%ld", plan->s.ram_mb);
	(void)snprintf(c->value[AXIS_ACCEL], AXIS_VALUE, "%s",
		       plan->accel.accel == ACCEL_KVM ? "kvm" : "tcg");
	(void)snprintf(c->value[AXIS_MACHINE], AXIS_VALUE, "%.*s", (int)strcspn(machine, ","),
		       machine);
	(void)snprintf(c->value[AXIS_BUS], AXIS_VALUE, "%s",
		       setting_choice(SETTING_QEMU_DISK_BUS, plan->s.disk_bus, word, sizeof word));
	(void)snprintf(c->value[AXIS_ARCH], AXIS_VALUE, "%s",
		       setting_choice(SETTING_QEMU_ARCH, plan->s.arch, word, sizeof word));
	(void)snprintf(c->value[AXIS_CACHE], AXIS_VALUE, "%s",
		       setting_choice(SETTING_QEMU_CACHE, plan->s.cache, word, sizeof word));
	(void)snprintf(c->value[AXIS_AIO], AXIS_VALUE, "%s",
		       setting_choice(SETTING_QEMU_AIO, plan->s.aio, word, sizeof word));
	(void)snprintf(c->value[AXIS_TOPOLOGY], AXIS_VALUE, "%s", argument_of(&plan->args, "-smp"));
	(void)snprintf(c->value[AXIS_IOTHREADS], AXIS_VALUE, "%s", io ? io : "0");
	(void)snprintf(c->value[AXIS_THREADS], AXIS_VALUE, "%s",
		       plan->accel.accel == ACCEL_KVM ? ""
		       : plan->s.tcg_single	      ? "single"
		       : choice->value[AXIS_THREADS]  ? choice->value[AXIS_THREADS]
						      : "auto");
	(void)snprintf(c->value[AXIS_BOOT], AXIS_VALUE, "%s",
		       boot		   ? boot
		       : plan->s.kernel	   ? "kernel"
		       : plan->boot.direct ? "direct"
		       : plan->disk.count  ? "disk"
		       : plan->s.floppy	   ? "floppy"
		       : plan->s.cdrom	   ? "cdrom"
					   : "disk");
}

static bool name_is(const struct marker *m, const char *name)
{
	return strlen(name) == m->name_len && memcmp(m->name, name, m->name_len) == 0;
}

/* List the phases that --until accepts in BUF. */
static const char *list_phases(const struct markers *m, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < m->count && used < size; i++)
		if (m->list[i].kind == MARKER_PROGRESS || m->list[i].kind == MARKER_READY)
			used += (size_t)snprintf(buf + used, size - used, "%.*s, ",
						 (int)m->list[i].name_len, m->list[i].name);
	return buf;
}

static bool set_goal(struct profiler *p, const struct plan *plan, struct error *err)
{
	static const enum until of_ready[] = {
		[READY_AUTO] = UNTIL_ANY_READY,	  [READY_LOGIN] = UNTIL_MARKER,
		[READY_SSH] = UNTIL_SSH,	  [READY_HTTP] = UNTIL_HTTP,
		[READY_MARKER] = UNTIL_ANY_READY, [READY_RUNNING] = UNTIL_RUNNING,
	};
	const char *until = p->o->until;
	struct goal *g = &p->goal;
	char names[400];

	g->marker = "login";
	if (strcmp(until, "ready") == 0) {
		g->until = of_ready[plan->s.ready];
	} else if (strcmp(until, "ssh") == 0 || strcmp(until, "http") == 0) {
		g->until = until[0] == 's' ? UNTIL_SSH : UNTIL_HTTP;
	} else {
		g->until = UNTIL_MARKER;
		g->marker = until;
	}
	if ((g->until == UNTIL_SSH || g->until == UNTIL_HTTP) && plan->s.net != NET_USER)
		return error_set(err, EXIT_BAD_SETTING,
				 "set QEMU_NET=user, or wait for a phase of the console",
				 "--until %s: the guest has no network", until);
	for (size_t i = 0; g->until == UNTIL_MARKER && i < p->markers.count; i++) {
		const struct marker *m = &p->markers.list[i];

		if ((m->kind == MARKER_PROGRESS || m->kind == MARKER_READY) &&
		    name_is(m, g->marker))
			return true;
	}
	if (g->until != UNTIL_MARKER)
		return true;
	return error_set(err, EXIT_BAD_USAGE, "name one of these, or give --markers FILE",
			 "--until %s: there is no such phase; there are %sready, ssh, http",
			 g->marker, list_phases(&p->markers, names, sizeof names));
}

/* Facts that are equal for the whole run are taken from the first cell's plan. */
static bool describe_run(struct profiler *p, const struct plan *plan, struct error *err)
{
	struct report *r = &p->report;
	static char text[MARKERS_TEXT_MAX + 2]; /* the next plan reuses the plan's own buffer */
	char when[CLOCK_UTC];

	memcpy(text, plan->markers_text, plan->markers_len);
	p->goal.markers = &p->markers;
	p->goal.patterns = &p->patterns;
	p->goal.timeout_ns = (uint64_t)p->o->timeout_s * SECOND;
	p->identity = plan->identity;
	clock_utc(when);
	(void)snprintf(r->created, sizeof r->created, "%.*s", CLOCK_UTC, when);
	(void)snprintf(r->guest, sizeof r->guest, "%s",
		       preset_of((enum guest_kind)plan->s.guest)->name);
	(void)snprintf(r->image, sizeof r->image, "%.511s",
		       plan->disk.count ? plan->disk.path
		       : plan->s.floppy ? plan->s.floppy
		       : plan->s.cdrom	? plan->s.cdrom
		       : plan->s.kernel ? plan->s.kernel
					: "");
	(void)snprintf(r->until, sizeof r->until, "%s", p->o->until);
	(void)snprintf(r->accelerator, sizeof r->accelerator, "%.255s", plan->accel.reason);
	(void)snprintf(r->qemu, sizeof r->qemu, "%.*s", (int)sizeof r->qemu - 1, plan->qemu);
	if (p->dir[0] == '\0')
		(void)snprintf(p->dir, sizeof p->dir, "%s/profiles/%.10sT%.2s%.2s%.2sZ",
			       plan->s.log_dir, when, when + 11, when + 14, when + 17);
	return markers_compile(text, plan->markers_len, &p->markers, &p->patterns, err) &&
	       set_goal(p, plan, err) && provenance_take(p, plan, err);
}

/* Reject combinations of values that cannot work together. */
static bool check_choice(const struct choice *c, const struct plan *plan, struct errors *errs)
{
	const char *boot = c->value[AXIS_BOOT];
	const char *io = c->value[AXIS_IOTHREADS];
	int bus = plan->s.disk_bus;

	if (boot && !plan->s.kernel && strcmp(boot, "kernel") == 0)
		return errors_add(errs, EXIT_BAD_SETTING, "set QEMU_KERNEL",
				  "--boot kernel: no kernel is given");
	if (c->value[AXIS_THREADS] && c->value[AXIS_ACCEL] &&
	    strcmp(c->value[AXIS_ACCEL], "kvm") == 0)
		return errors_add(errs, EXIT_BAD_SETTING, "leave kvm out of --accels",
				  "--threads %s: KVM has no threads of TCG",
				  c->value[AXIS_THREADS]);
	if (io && strcmp(io, "1") == 0 && bus != BUS_VIRTIO && bus != BUS_VIRTIO_MMIO &&
	    bus != BUS_VIRTIO_MMIO_LEGACY)
		return errors_add(errs, EXIT_BAD_SETTING, "set QEMU_DISK_BUS=virtio",
				  "--iothreads 1: the disk is not attached by virtio-blk");
	return true;
}

/* Plan every cell once, so that errors in any of them are reported before hours are spent. */
bool describe_all(struct profiler *p, struct errors *errs)
{
	struct plan *plan = calloc(1, sizeof *plan);
	struct environment *env = calloc(1, sizeof *env);
	bool ok = plan && env;

	if (!ok)
		(void)errors_add(errs, EXIT_INTERNAL, "give the container more memory",
				 "no memory for a plan");
	for (size_t i = 0; ok && i < p->report.cells; i++) {
		struct choice *c = &p->choice[i];
		struct choice looked = *c;
		struct error err = {0};

		memset(plan, 0, sizeof *plan);
		plan->facts.unattended = true;
		if (p->o->install) /* nothing is installed yet that could be booted directly */
			looked.value[AXIS_BOOT] = "disk";
		ok = (environment_make(p->envp, &looked, p->o->markers, NULL, env) &&
		      (!p->o->install || install_before(env))) ||
		     errors_add(errs, EXIT_BAD_SETTING, "start it with fewer variables",
				"the environment is too large");
		if (ok && !plan_make(plan, env->vars)) {
			*errs = plan->errors;
			ok = false;
		}
		for (size_t k = 0; ok && i == 0 && k < plan->warnings.count; k++)
			log_warning("%s", plan->warnings.list[k].message);
		if (ok)
			ok = check_choice(c, plan, errs);
		if (ok && i == 0 && !describe_run(p, plan, &err))
			ok = errors_append(errs, &err);
		if (ok && !provenance_of_cell(p, plan, c->value[AXIS_ARCH], &err))
			ok = errors_append(errs, &err);
		if (ok) {
			describe_cell(&p->report.cell[i], plan, c);
			/* Test KVM once: all samples of a cell have the same accelerator. */
			c->value[AXIS_ACCEL] = p->report.cell[i].value[AXIS_ACCEL];
			if (plan->s.tcg_single)
				c->value[AXIS_THREADS] = "single";
		}
		plan_release(plan);
	}
	free(plan);
	free(env);
	return ok;
}
