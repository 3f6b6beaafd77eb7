/* static.c - the page's files. They are few: all are mapped before the program drops the right to
 * open files, and a request looks up its path. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "web/web.h"

#define FILES_MAX 128

struct file {
	char path[128]; /* "/index.html", "/assets/…" */
	const char *type;
	const char *data;
	size_t size;
	const char *gz;
	size_t gz_size;
};

static struct file files[FILES_MAX];
static size_t file_count;

static const char placeholder[] =
	"<!doctype html><html lang=en><meta charset=utf-8><title>hurd-vm</title>"
	"<main><h1>hurd-vm</h1><p>The page is not built (make web). The API is at "
	"<a href=api/v1/status>api/v1/status</a>.</p></main></html>";
static const char placeholder_login[] =
	"<!doctype html><html lang=en><meta charset=utf-8><title>hurd-vm: token</title>"
	"<main><h1>hurd-vm</h1><p>The start's log has a link with the token (docker logs).</p>"
	"<form method=post action=login><label>Token <input name=token type=password "
	"autocomplete=off></label> <button>Log in</button></form></main></html>";

static const char *type_of(const char *name)
{
	static const char *const types[][2] = {
		{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".svg", "image/svg+xml"},
		{".png", "image/png"},
		{".ico", "image/vnd.microsoft.icon"},
		{".json", "application/json"},
		{".webmanifest", "application/manifest+json"},
		{".txt", "text/plain; charset=utf-8"},
		{".woff2", "font/woff2"},
		{".map", "application/json"},
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i][0], dot) == 0)
			return types[i][1];
	return NULL;
}

static const char *map(int dir, const char *name, size_t *size)
{
	struct stat st;
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return NULL;
	*size = (size_t)st.st_size;
	void *data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);

	return data == MAP_FAILED ? NULL : data;
}

static void load(const char *root, const char *folder, int depth)
{
	char path[4200];
	char gz[300];
	const struct dirent *e;

	(void)snprintf(path, sizeof path, "%s%s", root, folder);
	DIR *dir = opendir(path);

	while (dir && (e = readdir(dir)) != NULL) {
		struct file *f = &files[file_count];
		struct stat st;

		if (e->d_name[0] == '.' || file_count == FILES_MAX ||
		    snprintf(f->path, sizeof f->path, "%s/%s", folder, e->d_name) >=
			    (int)sizeof f->path)
			continue;
		if (depth < 3 && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode)) {
			char below[128];

			(void)snprintf(below, sizeof below, "%s", f->path);
			load(root, below, depth + 1);
			continue;
		}
		f->type = type_of(e->d_name);
		f->data = f->type ? map(dirfd(dir), e->d_name, &f->size) : NULL;
		(void)snprintf(gz, sizeof gz, "%s.gz", e->d_name);
		f->gz = f->data ? map(dirfd(dir), gz, &f->gz_size) : NULL;
		file_count += f->data != NULL;
	}
	if (dir)
		(void)closedir(dir);
}

bool static_load(const char *root)
{
	if (root)
		load(root, "", 0);
	return file_count > 0;
}

static const struct file *find(const char *path)
{
	for (size_t i = 0; i < file_count; i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

/* The unsent part of a file is sent directly from the mapping. */
struct sending {
	const char *data;
	size_t left;
};

static bool fill(struct session *s)
{
	struct sending *f = s->own;
	size_t n = f->left < 16384 ? f->left : 16384;

	if (n == 0 || !buffer_add(&s->out, f->data, n))
		return false;
	f->data += n;
	f->left -= n;
	s->ended = f->left == 0;
	return true;
}

static void closed(struct session *s)
{
	free(s->own);
}

static void serve(struct session *s, const struct file *f, int status)
{
	char accepts[256] = "";
	struct sending *sending = calloc(1, sizeof *sending);
	size_t used = strlen(s->headers);

	if (!sending) {
		answer_no_memory(s);
		return;
	}
	(void)lws_hdr_copy(s->wsi, accepts, sizeof accepts, WSI_TOKEN_HTTP_ACCEPT_ENCODING);
	bool gz = f->gz && strstr(accepts, "gzip");

	(void)snprintf(s->headers + used, sizeof s->headers - used, "vary: accept-encoding\n%s%s",
		       gz ? "content-encoding: gzip\n" : "",
		       strncmp(f->path, "/assets/", 8) == 0
			       ? "cache-control: public, max-age=31536000, immutable\n"
			       : "cache-control: no-cache\n");
	*sending = (struct sending){gz ? f->gz : f->data, gz ? f->gz_size : f->size};
	s->own = sending;
	s->closed = closed;
	s->fill = fill;
	answer_begin(s, status, f->type, (long long)sending->left);
}

void static_serve(struct session *s)
{
	const struct file *f = find(s->path);

	if (f && strcmp(s->path, "/index.html") != 0)
		serve(s, f, 200);
	else
		answer_problem(s, 404, EXIT_BAD_USAGE, "there is no such path", NULL);
}

void static_page(struct session *s, bool login)
{
	const struct file *f = find(login ? "/login.html" : "/index.html");
	int status = login ? 401 : 200;

	if (login)
		(void)snprintf(s->headers, sizeof s->headers, "www-authenticate: Bearer\n");
	if (f)
		serve(s, f, status);
	else
		answer(s, status, "text/html; charset=utf-8",
		       login ? placeholder_login : placeholder);
}
