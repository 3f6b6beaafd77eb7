/* pin.c - see pin.h. */
#include "profile/pin.h"

#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_one_of(const pid_t *threads, size_t n, pid_t id)
{
	for (size_t i = 0; i < n; i++)
		if (threads[i] == id)
			return true;
	return false;
}

/* Restrict all threads of PID except THREADS to SET; without THREADS, all. */
static void move_others(pid_t pid, const pid_t *threads, size_t n, const cpu_set_t *set)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		pid_t id = (pid_t)strtol(e->d_name, NULL, 10);

		if (id > 0 && !is_one_of(threads, n, id))
			(void)sched_setaffinity(id, sizeof *set, set);
	}
	if (dir)
		(void)closedir(dir);
}

size_t pin_threads(pid_t pid, const pid_t *threads, size_t n)
{
	cpu_set_t all;
	cpu_set_t rest;
	int next = 0;

	if (n == 0 || sched_getaffinity(0, sizeof all, &all) != 0 || n > (size_t)CPU_COUNT(&all))
		return 0;
	rest = all;
	for (size_t i = 0; i < n; i++) {
		cpu_set_t one;

		while (!CPU_ISSET(next, &all))
			next++;
		CPU_ZERO(&one);
		CPU_SET(next, &one);
		CPU_CLR(next, &rest);
		next++;
		if (sched_setaffinity(threads[i], sizeof one, &one) != 0) {
			move_others(pid, NULL, 0, &all);
			return 0;
		}
	}
	if (CPU_COUNT(&rest) > 0)
		move_others(pid, threads, n, &rest);
	return n;
}
