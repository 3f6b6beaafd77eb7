/* readiness.c - see readiness.h: ready or not, and in time or not. */
#include "pid1/readiness.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/console_text.h"
#include "pid1/supervisor.h"

#define SECOND	       UINT64_C(1000000000)
#define SILENCE_NS     (20 * SECOND)
#define CONSOLE_LINES  20
#define CONSOLE_BYTES  4096
#define SCREEN_WAIT_NS (3 * SECOND)

const char *life_ready_text(const struct supervisor *v)
{
	static const char *const texts[] = {[READY_LOGIN] = "login prompt on the serial console",
					    [READY_SSH] = "the guest's sshd answers",
					    [READY_HTTP] = "the guest's web server answers",
					    [READY_MARKER] = "marker on the serial console",
					    [READY_RUNNING] = "the guest runs"};

	return texts[v->plan->s.ready];
}

static void become_ready(struct supervisor *v)
{
	struct life *l = &v->life;
	char by[16];

	if (l->ready || v->cause != CAUSE_NONE || l->late)
		return;
	l->ready = true;
	l->ready_ns = clock_now();
	timers_set(&v->timers, TIMER_BOOT, 0);
	timers_set(&v->timers, TIMER_SILENCE, 0);
	log_info("ready: %s, %.2f s after QEMU's start", life_ready_text(v),
		 (double)(l->ready_ns - v->spawned_ns) / 1e9);
	event("ready", "\"by\":\"%s\",\"since_qemu_ms\":%.1f",
	      setting_choice(SETTING_VM_READY, v->plan->s.ready, by, sizeof by),
	      (double)(l->ready_ns - v->spawned_ns) / 1e6);
	if (l->suspicion.marker && l->suspicion.marker->kind == MARKER_FAILURE)
		proof_drop(v);
	retry_forget_disk(v);
	ports_open(v);
	requests_ready(v);
	supervisor_ask_again(v);
	state_ready(v);
}

/* Who waits to hear of sshd or the web server, and the policy, keep the probes going. */
void life_running(struct supervisor *v)
{
	const struct settings *s = &v->plan->s;
	uint64_t now = clock_now();

	/* Also of a guest that is ready at once, whoever began to wait before it ran. */
	requests_probe(v);
	if (v->life.ready)
		return;
	if (s->ready == READY_RUNNING || (v->save.resumed && v->plan->resume.ready &&
					  (s->ready == READY_LOGIN || s->ready == READY_MARKER))) {
		become_ready(v);
		return;
	}
	if (s->ready == READY_SSH)
		probe_want(v, PROBE_SSH);
	if (s->ready == READY_HTTP)
		probe_want(v, PROBE_HTTP);
	if (s->boot_timeout && !v->timers.at[TIMER_BOOT])
		timers_set(&v->timers, TIMER_BOOT,
			   now + (v->life.boot_left_ns ? v->life.boot_left_ns
						       : (uint64_t)s->boot_timeout * SECOND));
	v->life.boot_left_ns = 0;
	if (v->phases.first_byte_ns == 0 && (s->ready == READY_LOGIN || s->ready == READY_MARKER) &&
	    !v->timers.at[TIMER_SILENCE])
		timers_set(&v->timers, TIMER_SILENCE, now + SILENCE_NS);
}

void life_paused(struct supervisor *v)
{
	uint64_t now = clock_now();
	uint64_t end = v->timers.at[TIMER_BOOT];

	if (!v->plan->s.gdb || v->io_error)
		return;
	if (end)
		v->life.boot_left_ns = end > now ? end - now : 1;
	timers_set(&v->timers, TIMER_BOOT, 0);
	timers_set(&v->timers, TIMER_SILENCE, 0);
}

void life_restart(struct supervisor *v)
{
	v->life.boot_left_ns = 0;
	v->life.ready = v->life.dead = v->login_seen = false;
	v->life.ready_ns = 0;
	proof_drop(v);
	state_await_no_ssh(v);
	phases_restart(&v->phases);
	probes_reset(v);
	timers_set(&v->timers, TIMER_BOOT, 0);
	timers_set(&v->timers, TIMER_SILENCE, 0);
	if (v->state == VM_RUNNING)
		life_running(v);
}

void life_loaded(struct supervisor *v, bool ready)
{
	struct life *l = &v->life;
	bool login = v->login_seen || v->plan->s.ready == READY_LOGIN;

	l->panicked = l->halted = l->failed = false;
	life_restart(v);
	if (!ready)
		return;
	timers_set(&v->timers, TIMER_BOOT, 0);
	timers_set(&v->timers, TIMER_SILENCE, 0);
	v->login_seen = login;
	l->ready = true;
	l->ready_ns = clock_now();
	retry_forget_disk(v);
	requests_ready(v);
	if (login)
		requests_login(v);
}

void supervisor_on_probe(struct supervisor *v, enum probe_id which)
{
	enum ready by = which == PROBE_SSH ? READY_SSH : READY_HTTP;

	event("answer", "\"from\":\"%s\",\"since_qemu_ms\":%.1f",
	      which == PROBE_SSH ? "ssh" : "http", (double)(clock_now() - v->spawned_ns) / 1e6);
	if ((enum ready)v->plan->s.ready == by)
		become_ready(v);
	health_answered(v, which);
	if (which == PROBE_SSH)
		state_ssh_answered(v);
	requests_answered(v, which);
}

/* ---- markers --------------------------------------------------------------------------- */

static void tell(const struct supervisor *v, const struct marker *m, uint64_t now)
{
	double ms = (double)(now - v->spawned_ns) / 1e6;

	event("phase", "\"name\":\"%.*s\",\"kind\":\"%s\",\"since_qemu_ms\":%.3f", (int)m->name_len,
	      m->name, marker_kind_name(m->kind), ms);
	if (m->kind == MARKER_PROGRESS)
		log_info("phase %.*s, %.3f s after QEMU's start", (int)m->name_len, m->name,
			 ms / 1000);
	else if (m->kind == MARKER_HINT)
		log_warning("the guest says: %.*s", (int)m->name_len, m->name);
	if (m->say_len > 0)
		log_line(LOG_WARNING, "  hint: ", "%.*s", (int)m->say_len, m->say);
}

static bool is_login(const struct marker *m)
{
	return m->name_len == 5 && memcmp(m->name, "login", 5) == 0;
}

void life_on_marker(const struct marker *m, uint64_t now, void *supervisor)
{
	struct supervisor *v = supervisor;
	enum ready by = (enum ready)v->plan->s.ready;

	tell(v, m, now);
	switch (m->kind) {
	case MARKER_READY:
		if (is_login(m)) {
			v->login_seen = true;
			prompt_login(&v->prompt);
		}
		if (by == READY_MARKER || (by == READY_LOGIN && is_login(m)))
			become_ready(v);
		if (is_login(m))
			requests_login(v);
		break;
	case MARKER_FAILURE:
		if (!v->life.ready)
			proof_begin(v, m);
		break;
	case MARKER_PANIC:
	case MARKER_DOWN: proof_begin(v, m); break;
	default:
		/* "stopping": it has heard what the ladder asked for. */
		if (m->name_len == 8 && memcmp(m->name, "stopping", 8) == 0)
			supervisor_climb(v, LADDER_ACCEPTED);
		break;
	}
}

/* The line N bytes long at TEXT, without what is no text. */
static void log_console_line(const uint8_t *text, size_t n)
{
	char line[160];
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof line - 1; i++)
		if (text[i] >= ' ' && text[i] != 0x7f)
			line[len++] = (char)text[i];
	if (len > 0)
		log_line(LOG_INFO, "  | ", "%.*s", (int)len, line);
}

void life_log_console(const struct supervisor *v)
{
	static struct console_text strip;
	uint8_t raw[CONSOLE_BYTES];
	uint8_t text[CONSOLE_BYTES];
	struct relay_stats stats;

	relay_stats(v->relays[RELAY_SERIAL], &stats);
	uint64_t since = stats.bytes - v->life.console_start;
	size_t raw_len = relay_tail(v->relays[RELAY_SERIAL], raw,
				    since < sizeof raw ? (size_t)since : sizeof raw);

	memset(&strip, 0, sizeof strip);
	size_t n = console_text_strip(&strip, raw, raw_len, text);
	size_t start = n;

	for (int lines = 0; start > 0 && lines <= CONSOLE_LINES; start--)
		lines += text[start - 1] == '\n';
	if (n == 0) {
		log_info("nothing came on the serial console");
		return;
	}
	log_info("the last lines of the serial console:");
	while (start < n) {
		const uint8_t *eol = memchr(text + start, '\n', n - start);
		size_t len = eol ? (size_t)(eol - (text + start)) : n - start;

		log_console_line(text + start, len);
		start += len + 1;
	}
}

/* ---- too late -------------------------------------------------------------------------- */

void life_silence(struct supervisor *v)
{
	if (v->phases.first_byte_ns || v->life.ready)
		return;
	log_warning("nothing came on the serial console for %d s", (int)(SILENCE_NS / SECOND));
	log_line(LOG_WARNING, "  hint: ",
		 "the guest's console is not on its serial line: scripts/prepare-image puts it "
		 "there "
		 "(README, Your own guest); or see it with ENABLE_VNC=1, and say what ready means "
		 "with VM_READY");
	event("silence", "\"s\":%d", (int)(SILENCE_NS / SECOND));
}

static void stop_late(struct supervisor *v)
{
	timers_set(&v->timers, TIMER_SCREEN, 0);
	if (v->life.attempts > v->plan->s.boot_retries)
		retry_forget_disk(v);
	supervisor_stop(v, LADDER_NOW);
}

static void on_screen(struct supervisor *v, const char *error, const char *path)
{
	if (error)
		log_warning("no screenshot: %s", error);
	else
		log_info("the screen as it was then: %s", path);
	if (v->timers.at[TIMER_SCREEN])
		stop_late(v);
}

void life_deadline(struct supervisor *v)
{
	char path[4200];

	if (v->life.ready || v->ladder.rung != RUNG_NONE)
		return;
	v->life.late = true;
	v->life.attempts++;
	log_error(
		"VM_BOOT_TIMEOUT=%ld: the guest is not ready (%s) after %ld s; it got to the phase "
		"%.*s",
		v->plan->s.boot_timeout, life_ready_text(v), v->plan->s.boot_timeout,
		PHASE_TEXT(&v->phases));
	event("boot_deadline", "\"phase\":\"%.*s\",\"attempt\":%ld", PHASE_TEXT(&v->phases),
	      v->life.attempts);
	life_log_console(v);
	(void)snprintf(path, sizeof path, "%s/boot-deadline.png", v->plan->s.log_dir);
	if (v->plan->s.vga != VGA_NONE && screenshot(v, path, on_screen)) {
		/* A QEMU that hangs does not answer. */
		timers_set(&v->timers, TIMER_SCREEN, clock_now() + SCREEN_WAIT_NS);
		return;
	}
	stop_late(v);
}

void life_screen_timeout(struct supervisor *v)
{
	log_warning("no screenshot: QEMU does not answer");
	stop_late(v);
}
