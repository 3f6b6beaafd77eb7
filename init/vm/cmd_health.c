/* cmd_health.c - vm health: is the guest ready and healthy? With --hold, the image's health check.
 *
 * An engine starts a process for each check, which costs about 100 ms of processor time, and sees a
 * change only at the next check. So a check with --hold answers at once if its answer is new, and
 * for the next ANSWERS - 1 checks, because engines count failures (--retries). Later checks stay,
 * query PID 1 themselves (about 100 us), and answer when the answer changes or the hold time has
 * passed. With one second between checks, readiness is seen at once and an idle guest costs
 * nothing, on every engine; --start-interval (Engine 25) is not needed.
 *
 * The last answer, its count and the longest hold are stored in the file `health` in VM_RUN_DIR. A
 * file that is older than the control socket belongs to an earlier start.
 *
 * An engine whose timeout is shorter than the hold (the user sets healthcheck.timeout) kills the
 * check and counts a failure. Therefore a check that holds keeps the file `health.hold` locked and
 * touches it every second; a later check that finds the file unlocked knows how long the killed one
 * held. `docker pause` also kills a check. Only two checks killed after the same time are
 * attributed to the engine's timeout; later checks then hold for less.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "config/settings.h"
#include "vm/cmd.h"

/* A health check must answer within Docker's own timeout, even if PID 1 hangs. */
#define HEALTH_TIMEOUT_S 5
/* How often PID 1 is queried: until the guest is ready, and after that. */
#define STARTING_MS 200
#define READY_MS    10000
/* How often an answer is given before a check holds: at least --retries of the Dockerfile. */
#define ANSWERS	   3
#define HOLD_MAX_S 86400

struct last_answer {
	char path[RUN_PATH_MAX];
	char holding[RUN_PATH_MAX]; /* health.hold */
	char control[RUN_PATH_MAX]; /* PID 1's socket */
	int status;		    /* 0 or 1; -1: none in this start */
	int count;
	int longest; /* seconds; checks that held for longer were killed */
	int killed;  /* seconds after which a check was killed; 0: none */
};

static bool is_newer(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec > b->st_mtim.tv_sec ||
	       (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec >= b->st_mtim.tv_nsec);
}

static struct last_answer last_answer(char **envp)
{
	const struct settings *s = control_settings(envp);
	struct last_answer last = {.status = -1, .longest = HOLD_MAX_S};
	char text[32];
	struct stat file, socket;

	(void)run_path(s, "health", last.path);
	(void)run_path(s, "health.hold", last.holding);
	(void)run_path(s, "control.sock", last.control);
	_cleanup_fd_ int fd = open(last.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &file) != 0 || stat(last.control, &socket) != 0 ||
	    !is_newer(&file, &socket))
		return last;
	ssize_t n = read(fd, text, sizeof text - 1);
	char *at = text;

	text[n > 0 ? n : 0] = '\0';
	int status = (int)strtol(at, &at, 10);
	int count = (int)strtol(at, &at, 10);
	int longest = (int)strtol(at, &at, 10);
	int killed = (int)strtol(at, &at, 10);

	if (*at != '\n') /* half-written, or not written by this program */
		return last;
	last.status = status;
	last.count = count;
	last.longest = longest;
	last.killed = killed;
	return last;
}

/* Create the file for this start; -1 on failure. PID 1 removes its socket before the other files of
 * this directory, so a file created while the socket exists is removed too. */
static int new_file(const struct last_answer *last, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && access(last->control, F_OK) != 0) {
		(void)unlink(path);
		fd_close(&fd);
	}
	return fd;
}

/* If the file cannot be written, no check holds: each answers at once. */
static void remember(const struct last_answer *answer)
{
	(void)unlink(answer->path);
	int fd = new_file(answer, answer->path);

	if (fd < 0)
		return;
	(void)dprintf(fd, "%d %d %d %d\n", answer->status, answer->count, answer->longest,
		      answer->killed);
	(void)close(fd);
}

/* Was the previous check killed while it held? Then the next ones answer at once, so that the
 * engine does not count a second failure in a row. */
static void read_last(struct last_answer *last)
{
	_cleanup_fd_ int fd = open(last->holding, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[32];
	struct stat st;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0)
		return;
	ssize_t n = read(fd, text, sizeof text - 1);

	(void)unlink(last->holding);
	text[n > 0 ? n : 0] = '\0';
	long long held = 1 + (long long)st.st_mtim.tv_sec - strtoll(text, NULL, 10);

	if (last->status < 0 || held < 1 || held > last->longest)
		return;
	last->count = 0;
	if (last->killed && held - last->killed <= 1 && last->killed - held <= 1)
		last->longest = (int)(held < last->killed ? held : last->killed) - 2;
	last->killed = (int)held;
	if (last->longest < 0)
		last->longest = 0;
}

/* -1: another check holds, or the file cannot be written. The kernel releases the lock when the
 * process ends. */
static int begin_hold(const struct last_answer *last)
{
	int fd = new_file(last, last->holding);

	if (fd >= 0 &&
	    (flock(fd, LOCK_EX | LOCK_NB) != 0 || dprintf(fd, "%lld\n", (long long)time(NULL)) < 0))
		fd_close(&fd);
	return fd;
}

static void pause_ms(long ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

/* Hold in steps of one second; each step updates the file's modification time. */
static void wait_holding(int fd, long ms)
{
	for (; ms > 0; ms -= 1000) {
		pause_ms(ms < 1000 ? ms : 1000);
		(void)futimens(fd, NULL);
	}
}

static int hold(char **envp, long seconds)
{
	struct last_answer last = last_answer(envp);
	_cleanup_fd_ int holding = -1;
	char why[512];
	int status;

	read_last(&last);
	if (seconds > last.longest)
		seconds = last.longest;
	uint64_t end = clock_now() + (uint64_t)seconds * 1000000000u;

	for (;;) {
		why[0] = '\0';
		status = control_ask(envp, "health", HEALTH_TIMEOUT_S, why, sizeof why) != 0;
		control_hang_up(); /* an open connection would delay PID 1's exit */
		/* Without an answer (already reported) there is no change to wait for. */
		if (status != last.status || last.count < ANSWERS || !why[0] || clock_now() >= end)
			break;
		if (holding < 0 && (holding = begin_hold(&last)) < 0)
			break;
		uint64_t left = (end - clock_now()) / 1000000 + 1;
		uint64_t ms = status == 0 ? READY_MS : STARTING_MS;

		wait_holding(holding, (long)(ms < left ? ms : left));
	}
	if (holding >= 0)
		(void)unlink(last.holding);
	if (!why[0]) {
		(void)unlink(last.path);
		return status;
	}
	last.count = status != last.status ? 1 : last.count < ANSWERS ? last.count + 1 : ANSWERS;
	last.status = status;
	remember(&last);
	status_print_health(why, status);
	return status;
}

int cmd_health(const struct command *self, int argc, char **argv, char **envp)
{
	if (argc == 1) {
		char text[4096];
		int status = control_ask(envp, self->name, HEALTH_TIMEOUT_S, text, sizeof text);

		status_print_health(text, status);
		return status;
	}
	if (argc != 3 || strcmp(argv[1], "--hold") != 0)
		return cmd_usage(self, "unknown argument, or its value is missing:", argv[1]);
	char *end;
	long seconds = strtol(argv[2], &end, 10);

	if (argv[2][0] < '0' || argv[2][0] > '9' || *end || seconds > HOLD_MAX_S)
		return cmd_usage(self, "--hold takes seconds, not", argv[2]);
	return hold(envp, seconds);
}
