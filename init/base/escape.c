/* escape.c - see escape.h. */
#include "base/escape.h"

#include <string.h>

size_t utf8_length(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;

	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

uint32_t utf8_get(const unsigned char *p, size_t len)
{
	uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

bool escape_needed(uint32_t c)
{
	static const struct range {
		uint32_t first, last;
	} ranges[] = {{0, 0x1f},	{0x7f, 0x9f},	  {0x61c, 0x61c},
		      {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
		      {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Write C, which is not printable, to OUT. LEN is the length of its UTF-8 sequence; 0: an invalid
 * byte. The result is at most ESCAPE_MAX times as long. */
static size_t escape_one(uint32_t c, size_t len, char out[16])
{
	static const char named[] = "\n\r\t";
	static const char letters[] = "nrt";
	const char *at = c && c < 0x80 ? strchr(named, (int)c) : NULL;

	if (at)
		return (size_t)snprintf(out, 16, "\\%c", letters[at - named]);
	if (len < 2)
		return (size_t)snprintf(out, 16, "\\x%02x", (unsigned)c & 0xff);
	return (size_t)snprintf(out, 16, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

size_t escape_text(const char *text, size_t n, const char *keep, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t used = 0;

	while (n > 0) {
		char one[16];
		size_t len = utf8_length(p, n);
		uint32_t c = len ? utf8_get(p, len) : p[0];
		bool plain = len && (!escape_needed(c) || (c && c < 0x80 && strchr(keep, (int)c)));
		size_t put = plain ? len : escape_one(c, len, one);

		if (put >= size - used)
			break;
		memcpy(out + used, plain ? (const char *)p : one, put);
		used += put;
		p += len ? len : 1;
		n -= len ? len : 1;
	}
	out[used] = '\0';
	return used;
}

void escape_print(FILE *to, const char *text)
{
	char part[1024];
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = left < sizeof part / ESCAPE_MAX ? left : sizeof part / ESCAPE_MAX - 1;

		/* Do not cut within a character, whose parts would be escaped as invalid bytes. */
		while (n < left && n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		size_t len = escape_text(text, n, "\n\t", part, sizeof part);

		(void)fwrite(part, 1, len, to);
		text += n;
		left -= n;
	}
}
