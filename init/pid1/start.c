/* start.c - starts QEMU, the first time or again (supervisor.h). */
#include "base/log.h"
#include "pid1/start_failure.h"
#include "pid1/supervisor.h"

bool start_qemu(struct supervisor *v, struct error *err)
{
	struct channels w;
	struct relay_stats serial;

	relay_stats(v->env.relays[RELAY_SERIAL], &serial);
	v->console_start = serial.bytes;
	v->life.spawned_ns = clock_now();
	pid_t pid = network_start(&v->network, err) ? qemu_process_start(&v->process, &w, err) : -1;

	network_handed_over(&v->network);
	if (pid < 0) {
		network_end(&v->network);
		return false;
	}
	v->life.qemu = pid;
	v->life.qemu_ended = false;
	attach_reset(&v->attach);
	qmp_link_open(&v->link, w.qmp.ours);
	debug_log_attach(&v->debug_log, w.log.ours);
	(void)relay_attach(v->env.relays[RELAY_SERIAL], w.serial_out.ours, w.serial_in.ours);
	(void)relay_attach(v->env.relays[RELAY_MONITOR], w.monitor.ours, w.monitor.ours);
	start_failure_await_greeting(&v->env);
	event("spawn", J_INT("pid", pid));
	restore_fill(&v->restore);
	return true;
}

bool start_qemu_again(struct supervisor *v, struct error *err)
{
	enum life_phase before = v->life.phase;

	lifecycle_restart(&v->life);
	hostfwd_restart(&v->hostfwd);
	disk_error_restart(&v->disk_error);
	reset_restart(&v->reset);
	readiness_reset(&v->readiness);
	panic_check_drop(&v->panic);
	phases_restart(&v->phases);
	prompt_reset(&v->prompt);
	stop_restart(&v->stop);
	if (v->life.phase != before)
		event("state", J_TEXT("state", lifecycle_phase_name(v->life.phase)));
	return start_qemu(v, err);
}
