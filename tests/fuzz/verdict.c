/* verdict.c - the program's verdict on many qcow2 images: reads one path per line, prints "STATUS
 * MESSAGE" for each (0 for an image that is accepted). For tests/qcow2-compare.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "host/image.h"

int main(void)
{
	char path[4096];

	while (fgets(path, sizeof path, stdin)) {
		struct error err = {0};
		struct stat st;

		path[strcspn(path, "\n")] = '\0';
		int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, &st);
		struct image image = {.name = path, .fd = fd, .size = (uint64_t)st.st_size};
		bool ok = fd >= 0 && image_check(&image, FORMAT_QCOW2, false, &err);

		(void)printf("%d %s\n", ok ? 0 : (int)err.status, err.message);
		(void)fflush(stdout);
		(void)close(fd);
	}
	return 0;
}
