/* http_fields.c - see http_fields.h. */
#include "format/http_fields.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool secret_equal(const char *a, const char *b)
{
	size_t n = strlen(a);
	size_t m = strlen(b);
	unsigned char different = n != m || n == 0;

	for (size_t i = 0; i < n; i++)
		different |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
	return !different;
}

/* HOST's name without the port, in lower case, and the port or "". False: it is invalid. */
static bool split_host(const char *host, char name[256], char port[8])
{
	const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
	size_t n;

	if (!end)
		return false;
	end += host[0] == '[';
	n = (size_t)(end - host);
	if (n == 0 || n >= 256 || (*end && *end != ':') || strlen(end) > 6)
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
	name[n] = '\0';
	(void)snprintf(port, 8, "%s", *end ? end + 1 : "");
	return port[strspn(port, "0123456789")] == '\0';
}

static bool is_address(char *name)
{
	struct in6_addr address;
	size_t n = strlen(name);

	if (name[0] != '[')
		return inet_pton(AF_INET, name, &address) == 1;
	name[n - 1] = '\0';
	bool ok = inet_pton(AF_INET6, name + 1, &address) == 1;

	name[n - 1] = ']';
	return ok;
}

bool host_is_allowed(const char *host, const char *names)
{
	char name[256];
	char port[8];
	size_t n;

	if (!split_host(host, name, port))
		return false;
	if (is_address(name))
		return true;
	n = strlen(name);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n)
		return false;
	if (strcmp(name, "localhost") == 0 || (n > 10 && strcmp(name + n - 10, ".localhost") == 0))
		return true;
	for (const char *at = names; *at; at += strspn(at, ",")) {
		size_t len = strcspn(at, ",");

		if (len == n && strncasecmp(at, name, n) == 0)
			return true;
		at += len;
	}
	return false;
}

bool origin_is_host(const char *origin, const char *host)
{
	const char *dflt = strncmp(origin, "http://", 7) == 0	 ? "80"
			   : strncmp(origin, "https://", 8) == 0 ? "443"
								 : NULL;
	char name[2][256];
	char port[2][8];

	if (!dflt || !split_host(strstr(origin, "//") + 2, name[0], port[0]) ||
	    !split_host(host, name[1], port[1]))
		return false;
	/* Behind an https proxy, Host may lack the port, and the browser omits the default port. */
	return strcmp(name[0], name[1]) == 0 &&
	       strcmp(port[0][0] ? port[0] : dflt, port[1][0] ? port[1] : dflt) == 0;
}

bool cookie_value(const char *field, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *at = field; *at;) {
		at += strspn(at, " \t;");
		size_t n = strcspn(at, ";");

		if (n > len && strncmp(at, name, len) == 0 && at[len] == '=') {
			size_t value = n - len - 1;

			while (value > 0 && (at[len + value] == ' ' || at[len + value] == '\t'))
				value--;
			if (value >= size)
				return false;
			memcpy(out, at + len + 1, value);
			out[value] = '\0';
			return true;
		}
		at += n;
	}
	return false;
}

const char *bearer_token(const char *field)
{
	if (strncasecmp(field, "bearer ", 7) != 0)
		return NULL;
	field += 7;
	return field + strspn(field, " ");
}

bool event_id_parse(const char *text, long long *n, long long *m)
{
	char *end;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 40)
		return false;
	*n = strtoll(text, &end, 10);
	*m = -1;
	if (*end == '\0')
		return true;
	if (*end != '-' || end[1] < '0' || end[1] > '9')
		return false;
	*m = strtoll(end + 1, &end, 10);
	return *end == '\0';
}

bool event_name(const char *line, char *out, size_t size)
{
	static const char key[] = "\"event\":\"";
	const char *at = strstr(line, key);
	size_t n;

	if (!at)
		return false;
	at += sizeof key - 1;
	n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (n == 0 || n >= size || at[n] != '"')
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}

size_t utf8_complete_length(const char *text, size_t n)
{
	for (size_t i = 1; i <= 3 && i <= n; i++) {
		unsigned char c = (unsigned char)text[n - i];
		size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if (c >= 0xc0)
			return length > i ? n - i : n;
		if (c < 0x80)
			break;
	}
	return n;
}
