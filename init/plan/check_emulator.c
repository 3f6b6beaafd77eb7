/* check_emulator.c - checks QEMU_CPU, QEMU_MACHINE, QEMU_DEBUG and VM_TRACE against what the
 * installed emulator supports. (plan.h)
 *
 * A query takes a tenth of a second, so it is made only for names that a setting contains and that
 * not every QEMU for these architectures knows; for RISC-V always, because of its timers.
 */
#include <string.h>

#include "config/arch.h"
#include "config/guest_preset.h"
#include "plan/plan.h"
#include "qemu/log_items.h"

bool plan_query_emulator(const struct plan *plan, const char *model, struct emulator *out,
			 struct error *err)
{
	const struct emulator_query query = {.path = (char *)(uintptr_t)plan->qemu,
					     .identity = &plan->identity,
					     .kvm = plan->kvm_fd,
					     .model = model};

	return emulator_ask(&query, out, err);
}

static bool among(const char *value, size_t len, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == len && memcmp(names[i], value, len) == 0)
			return true;
	return false;
}

/* Before 10.2, QEMU for RISC-V saves when a processor's timer is due, but not that it is armed
 * (target/riscv/machine.c, hw/intc/riscv_aclint.c; not in the stable releases). A guest that was
 * idle gets no timer interrupt any more when it is resumed, and Linux sets no other one: seen with
 * 7.2 in 4 of 17 suspensions. */
static void check_timers(struct plan *plan, const struct emulator *e)
{
	const struct settings *s = &plan->s;

	if (!e->version[0] || strverscmp(e->version, "10.2") >= 0)
		return;
	(void)error_set(&plan->no_state, EXIT_BAD_SETTING, "use QEMU 10.2 or newer",
			"QEMU %s does not save the timers of RISC-V processors: a resumed guest "
			"may stand still",
			e->version);
	if (s->warm || s->stop == STOP_SUSPEND)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "use QEMU 10.2 or newer, or leave that setting out",
				 "%s with QEMU_ARCH=riscv64: QEMU %s does not save the "
				 "processors' timers, and a resumed guest may stand still",
				 s->warm ? "VM_WARM=1" : "VM_STOP=suspend", e->version);
}

void plan_check_emulator(struct plan *plan)
{
	static const char *const machines[] = {"q35", "pc", "isapc"};
	static struct emulator e;
	const struct settings *s = &plan->s;
	const char *const models[] = {"max", "host", preset_of((enum guest_kind)s->guest)->tcg_cpu};
	bool cpu =
		s->given[SETTING_QEMU_CPU] && s->cpu && !among(s->cpu, strlen(s->cpu), models, 3);
	bool machine = s->given[SETTING_QEMU_MACHINE] && s->machine &&
		       !among(s->machine, strcspn(s->machine, ","), machines, 3);
	bool timers = s->arch == ARCH_RISCV64;
	struct error err = {0};

	if (!cpu && !machine && !timers)
		return;
	bool asked = plan_query_emulator(plan, cpu ? s->cpu : NULL, &e, &err);

	if (!asked && (cpu || machine))
		(void)errors_add(&plan->warnings, EXIT_QEMU_FAILED, "",
				 "QEMU_CPU and QEMU_MACHINE are not checked: %s", err.message);
	if (asked && cpu)
		emulator_check_cpu(&e, s->cpu, &plan->errors);
	if (asked && machine)
		emulator_check_machine(&e, s->machine, &plan->errors);
	if (timers) /* old ones have a version, but no list of their models */
		check_timers(plan, &e);
}

static void check_log(struct plan *plan, enum log_list list, const char *setting, const char *value)
{
	static char text[LOG_ITEMS_MAX];
	struct error err = {0};

	if (log_items_ask(plan->qemu, &plan->identity, list, text, &err))
		log_items_check(list, text, setting, value, &plan->errors);
	else
		(void)errors_add(&plan->warnings, EXIT_QEMU_FAILED, "", "%s is not checked: %s",
				 setting, err.message);
}

void plan_check_logs(struct plan *plan)
{
	const struct settings *s = &plan->s;

	if (s->given[SETTING_QEMU_DEBUG] && s->debug && strcmp(s->debug, "none") != 0)
		check_log(plan, LOG_LIST, "QEMU_DEBUG", s->debug);
	if (s->trace && s->trace[0] != '/')
		check_log(plan, TRACE_LIST, "VM_TRACE", s->trace);
}
