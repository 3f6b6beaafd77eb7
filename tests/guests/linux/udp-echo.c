/* udp-echo - sends every UDP datagram back to where it came from.
 *
 *   udp-echo PORT
 *
 * Debian's BusyBox has nothing that listens on UDP. Port 0, or none, is refused. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>

int main(int argc, char **argv)
{
	static char data[65536];
	char *end = "";
	unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;

	if (port == 0 || port > 65535 || *end != '\0') {
		fprintf(stderr, "usage: udp-echo PORT\n");
		return 64;
	}

	struct sockaddr_in here = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0) {
		perror("udp-echo");
		return 1;
	}
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);

		if (n >= 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, size);
	}
}
