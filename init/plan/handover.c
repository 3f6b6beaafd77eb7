/* handover.c - see handover.h: the side of vm run. */
#include "plan/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/zeros.h"
#include "host/programs.h"

/* The plan to send: a copy whose pointers are replaced by numbers. */
struct packing {
	const struct plan *plan;
	struct handover head;
	struct plan *copy;
	char *rest; /* data that follows it */
	size_t used, room;
	bool failed;
};

/* Append N bytes at TEXT. Returns their offset from the plan's beginning. */
static size_t add_bytes(struct packing *p, const char *text, size_t n)
{
	size_t at = sizeof *p->copy + p->used;

	if (p->room - p->used < n) {
		size_t room = 2 * p->room + n;
		char *more = realloc(p->rest, room);

		if (!more) {
			p->failed = true;
			return at;
		}
		p->rest = more;
		p->room = room;
	}
	memcpy(p->rest + p->used, text, n);
	p->used += n;
	return at;
}

/* Convert the pointer FIELD of the plan, which points to N bytes. */
static void add_pointer(struct packing *p, const void *field, size_t n)
{
	size_t offset = (size_t)((const char *)field - (const char *)p->plan);
	const char *to;
	size_t at;

	memcpy(&to, field, sizeof to);
	if (!to)
		return;
	if (p->head.pointers == HANDOVER_POINTERS) {
		p->failed = true;
		return;
	}
	if (to >= (const char *)p->plan && to < (const char *)(p->plan + 1))
		at = (size_t)(to - (const char *)p->plan);
	else
		at = add_bytes(p, to, n);
	p->head.offsets[p->head.pointers++] = (uint32_t)offset;
	memcpy((char *)p->copy + offset, &at, sizeof at);
}

static void add_text(struct packing *p, const void *field)
{
	const char *text;

	memcpy(&text, field, sizeof text);
	add_pointer(p, field, text ? strlen(text) + 1 : 0);
}

static void add_args(struct packing *p, const struct args *a)
{
	for (size_t i = 0; i < a->count; i++)
		add_text(p, &a->argv[i]);
}

/* The markers' expressions are in plan->patterns. */
static void add_markers(struct packing *p)
{
	const struct markers *all = &p->plan->markers;

	for (size_t i = 0; i < all->count; i++) {
		add_pointer(p, &all->list[i].name, all->list[i].name_len);
		add_pointer(p, &all->list[i].say, all->list[i].say_len);
		p->copy->markers.list[i].regex = NULL;
	}
}

static void add_all(struct packing *p)
{
	const struct plan *plan = p->plan;

	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (setting_table[i].type == SETTING_TEXT || setting_table[i].type == SETTING_PATH)
			add_text(p, (const char *)&plan->s + setting_table[i].offset);
	add_args(p, &plan->args);
	add_args(p, &plan->args_tcg);
	add_args(p, &plan->cold.args);
	add_args(p, &plan->cold.args_tcg);
	add_markers(p);
	add_text(p, &plan->guest_name);
	add_text(p, &plan->set_clock);
	/* Drop what only the planner needs. */
	p->copy->s.environment = NULL;
	p->copy->markers_text = NULL;
	memset(&p->copy->kvm, 0, sizeof p->copy->kvm);
	memset(&p->copy->facts, 0, sizeof p->copy->facts);
	memset(&p->copy->errors, 0, sizeof p->copy->errors);
	memset(&p->copy->warnings, 0, sizeof p->copy->warnings);
}

#define PAGE 4096u

/* Leave out pages of zeros: written, they would take memory on the other side, too. */
static bool write_sparse(int fd, const char *bytes, size_t n, off_t at)
{
	for (size_t done = 0, piece; done < n; done += piece) {
		piece = n - done < PAGE ? n - done : PAGE;
		if (!is_zeros(bytes + done, piece) &&
		    !write_all_at(fd, bytes + done, piece, at + (off_t)done))
			return false;
	}
	return true;
}

int handover_pack(const struct plan *plan)
{
	static struct packing p;
	_cleanup_fd_ int fd = file_memory("plan");

	p = (struct packing){.plan = plan, .copy = malloc(sizeof *plan), .room = 4096};
	p.rest = malloc(p.room);
	if (fd < 0 || !p.copy || !p.rest)
		return -1;
	memcpy(p.copy, plan, sizeof *plan);
	add_all(&p);
	(void)snprintf(p.head.version, sizeof p.head.version, "%s", VM_VERSION);
	p.head.plan_size = sizeof *plan;
	p.head.size = sizeof *plan + p.used;
	p.head.started = clock_started();
	off_t body = sizeof p.head;
	bool ok = !p.failed && ftruncate(fd, body + (off_t)p.head.size) == 0 &&
		  write_sparse(fd, (char *)&p.head, sizeof p.head, 0) &&
		  write_sparse(fd, (char *)p.copy, sizeof *plan, body) &&
		  write_sparse(fd, p.rest, p.used, body + (off_t)sizeof *plan);

	free(p.copy);
	free(p.rest);
	return ok ? fd_take(&fd) : -1;
}

static void keep_open(int *fd, void *arg)
{
	(void)arg;
	(void)fcntl(*fd, F_SETFD, 0);
}

void handover_plan(struct plan *plan, struct error *err)
{
	char path[4096];
	char number[16];
	char *argv[] = {path, (char *)"--plan", number, NULL};

	if (!program_init(path, sizeof path)) {
		(void)error_set(err, EXIT_INTERNAL, "install it beside vm, or as /init",
				"the program init was not found");
		return;
	}
	if (!program_vm(plan->vm, sizeof plan->vm))
		plan->vm[0] = '\0';
	int fd = handover_pack(plan);

	if (fd < 0) {
		(void)error_set(err, EXIT_INTERNAL, "give the container more memory",
				"the plan cannot be handed over: %s", strerror(errno));
		return;
	}
	(void)snprintf(number, sizeof number, "%d", fd);
	(void)fcntl(fd, F_SETFD, 0);
	handover_fds(plan, keep_open, NULL);
	(void)execve(path, argv, environ);
	(void)error_set(err, EXIT_INTERNAL, "install both programs of one build",
			"%s cannot be run: %s", path, strerror(errno));
}
