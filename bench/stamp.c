/* stamp.c - prints the time at the beginning and at the end of a start-up; for `make bench` only.
 *
 *   stamp --exec PROGRAM [ARGUMENT...]   print "stamp: start NS" and become PROGRAM
 *   stamp [ARGUMENT...]                  print "stamp: end NS" and exit 0
 *
 * The second form is started in place of QEMU (VM_QEMU, QEMU). It does not imitate QEMU, because
 * the measurement ends with QEMU's exec. NS is CLOCK_MONOTONIC in nanoseconds, one clock for a
 * container and its host; it goes to stderr, which both starters leave to QEMU.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void stamp(const char *which)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	(void)dprintf(STDERR_FILENO, "stamp: %s %lld\n", which,
		      (long long)t.tv_sec * 1000000000 + t.tv_nsec);
}

int main(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "--exec") != 0) {
		stamp("end");
		return 0;
	}
	stamp("start");
	(void)execv(argv[2], argv + 2);
	(void)fprintf(stderr, "stamp: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
