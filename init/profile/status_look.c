/* status_look.c - see status.h. The run itself is not queried: it may be on another machine
 * that shares the directory, where inotify(7) would report nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/status.h"

bool status_is_running(const struct status_look *l)
{
	return l->state <= STATUS_WRITING;
}

static bool has_install(const struct report *r, size_t cell)
{
	for (size_t i = 0; i < r->installs; i++)
		if (r->install[i].cell == cell)
			return true;
	return false;
}

static bool has_disk(const struct status_look *l, size_t cell)
{
	char path[4400];

	(void)snprintf(path, sizeof path, "%s/disks/%s.qcow2", l->dir, l->r.cell[cell].key);
	return access(path, F_OK) == 0;
}

/* Time of results.json, after which each installation begins; NAN: unknown. */
static double written_ms(const char *dir)
{
	char path[4200];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/results.json", dir);
	return stat(path, &st) == 0
		       ? (double)st.st_mtim.tv_sec * 1e3 + (double)st.st_mtim.tv_nsec / 1e6
		       : NAN;
}

/* The run installs the cells in the order of their first samples. */
static void look_at_installs(struct status_look *l, double now_ms)
{
	bool seen[REPORT_CELLS] = {false};
	double sum = 0;

	l->install_left_ms = l->install_spent_ms = NAN;
	for (size_t i = 0; l->r.install_sha256[0] && i < l->left.count; i++) {
		size_t cell = l->left.slot[i].cell;

		if (seen[cell])
			continue;
		seen[cell] = true;
		l->to_install++;
		if (has_install(&l->r, cell) && has_disk(l, cell))
			l->installed++;
		else if (l->to_install == l->installed + 1)
			l->installing = cell;
	}
	for (size_t i = 0; i < l->r.installs; i++)
		sum += l->r.install[i].total_ms;
	if (l->r.installs)
		l->install_ms = sum / (double)l->r.installs;
	if (l->state != STATUS_RUNNING || l->installed == l->to_install)
		return;
	l->state = STATUS_INSTALLING;
	l->install_spent_ms = fmax(0, now_ms - written_ms(l->dir)); /* 0 if unknown */
	l->install_left_ms = l->install_ms * (double)(l->to_install - l->installed) -
			     fmin(l->install_ms, l->install_spent_ms);
}

/* False: ERR. */
bool status_look(const char *dir, struct status_look *l, struct error *err)
{
	double now_ms = progress_now_ms();

	memset(l, 0, sizeof *l);
	l->dir = dir;
	l->elapsed_ms = l->left_ms = l->install_ms = NAN;
	/* Check this before reading the report: a run that ends in between has written it
	 * completely. */
	bool running = profile_dir_is_locked(dir);

	if (!profile_load(dir, &l->r, err)) {
		if (!running || err->status != EXIT_NO_IMAGE)
			return false;
		err->message[0] = '\0';
		l->state = STATUS_STARTING;
		return true;
	}
	if (!schedule_make(&l->r, &l->left))
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "no memory for a list of samples");
	l->state = !running	   ? !l->r.partial ? STATUS_COMPLETE
				     : l->r.shard  ? STATUS_STOPPED
						   : STATUS_INCOMPLETE
		   : l->left.count ? STATUS_RUNNING
				   : STATUS_WRITING;
	if (running && l->r.parts)
		l->elapsed_ms = now_ms - progress_time_ms(l->r.part[l->r.parts - 1].created);
	look_at_installs(l, now_ms);
	if (l->state == STATUS_RUNNING || l->state == STATUS_INSTALLING)
		l->left_ms = progress_left_ms(&l->r, l->left.slot, l->left.count, now_ms);
	if (l->state == STATUS_INSTALLING)
		l->left_ms += l->install_left_ms;
	return true;
}

void status_free(struct status_look *l)
{
	report_free(&l->r);
	free(l->left.slot);
}

const struct sample *status_newest(const struct report *r)
{
	const struct sample *last = NULL;

	for (size_t i = 0; i < r->count; i++)
		if (!last || strcmp(r->sample[i].started, last->started) > 0)
			last = &r->sample[i];
	return last;
}
