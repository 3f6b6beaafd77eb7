/* small_printf.c - see small_printf.h. */
#include "base/small_printf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DECIMALS_MAX 9

struct out {
	char *buf;
	size_t size, n; /* n: length of the whole text, of which size - 1 bytes are kept */
};

struct spec {
	bool left, zeros, prefix, upper;
	int width, precision; /* precision -1: none given */
	unsigned bytes;	      /* size of an integer */
};

static void put(struct out *o, const char *text, size_t n)
{
	if (o->n < o->size) {
		size_t room = o->size - o->n;

		memcpy(o->buf + o->n, text, n < room ? n : room);
	}
	o->n += n;
}

static void pad(struct out *o, char c, size_t have, int width)
{
	for (; width > 0 && have < (size_t)width; have++)
		put(o, &c, 1);
}

/* Write HEAD (a sign or 0x), zeros up to DIGITS digits, and the N bytes of TEXT, padded to the
 * width. */
static void put_field(struct out *o, const struct spec *s, const char *head, const char *text,
		      size_t n, int digits)
{
	size_t head_len = strlen(head);
	size_t body = digits > 0 && (size_t)digits > n ? (size_t)digits : n;

	if (s->zeros && !s->left && s->width > 0 && body + head_len < (size_t)s->width)
		body = (size_t)s->width - head_len;
	if (!s->left)
		pad(o, ' ', head_len + body, s->width);
	put(o, head, head_len);
	pad(o, '0', n, (int)body);
	put(o, text, n);
	if (s->left)
		pad(o, ' ', head_len + body, s->width);
}

/* Write the digits of VALUE before END. Returns the first. */
static char *digits_of(uint64_t value, unsigned base, bool upper, char *end)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (; value; value /= base)
		*--end = digits[value % base];
	return end;
}

static void put_integer(struct out *o, struct spec *s, uint64_t value, bool negative, unsigned base)
{
	char text[24];
	char *end = text + sizeof text;
	const char *first = digits_of(value, base, s->upper, end);
	const char *head = negative ? "-" : "";

	if (s->prefix && base == 16 && value)
		head = s->upper ? "0X" : "0x";
	if (s->precision >= 0)
		s->zeros = false;
	put_field(o, s, head, first, (size_t)(end - first), s->precision < 0 ? 1 : s->precision);
}

static void put_double(struct out *o, struct spec *s, double value)
{
	char text[24 + DECIMALS_MAX + 2];
	char *end = text + sizeof text;
	char *at = end;
	bool negative = value < 0;
	int decimals = s->precision < 0		     ? 6
		       : s->precision < DECIMALS_MAX ? s->precision
						     : DECIMALS_MAX;
	uint64_t scale = 1;

	value = negative ? -value : value;
	if (!(value < 0x1p64)) {
		s->zeros = false;
		put_field(o, s, negative ? "-" : "", value > 0 ? "inf" : "nan", 3, 0);
		return;
	}
	for (int i = 0; i < decimals; i++)
		scale *= 10;
	uint64_t whole = (uint64_t)value;
	double scaled = (value - (double)whole) * (double)scale;
	uint64_t part = (uint64_t)scaled;
	double rest = scaled - (double)part;

	/* Round to nearest, ties to even. */
	if (rest > 0.5 || (rest == 0.5 && ((decimals ? part : whole) & 1)))
		part++;
	if (part == scale) {
		whole++;
		part = 0;
	}
	for (int i = 0; i < decimals; i++, part /= 10)
		*--at = (char)('0' + part % 10);
	if (decimals)
		*--at = '.';
	else
		whole += part;
	if (!whole)
		*--at = '0';
	at = digits_of(whole, 10, false, at);
	put_field(o, s, negative ? "-" : "", at, (size_t)(end - at), 0);
}

static uint64_t narrow(uint64_t value, unsigned bytes, bool is_signed)
{
	unsigned shift = 64 - 8 * bytes;

	return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift;
}

/* ---- the format --------------------------------------------------------------------------- */

static const char *parse_flags(const char *format, struct spec *s)
{
	for (;; format++)
		switch (*format) {
		case '-': s->left = true; break;
		case '0': s->zeros = true; break;
		case '#': s->prefix = true; break;
		default: return format;
		}
}

static const char *parse_number(const char *format, int *n)
{
	for (*n = 0; *format >= '0' && *format <= '9'; format++)
		*n = *n * 10 + (*format - '0');
	return format;
}

static const char *parse_size(const char *format, unsigned *bytes)
{
	*bytes = sizeof(int);
	for (;; format++)
		switch (*format) {
		case 'h': *bytes /= 2; break;
		case 'l':
		case 'z':
		case 'j':
		case 't': *bytes = sizeof(uint64_t); break;
		default: return format;
		}
}

static void put_text(struct out *o, struct spec *s, const char *text)
{
	s->zeros = false;
	put_field(o, s, "", text,
		  s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision), 0);
}

int small_vsnprintf(char *buf, size_t size, const char *format, va_list ap)
{
	struct out o = {buf, size, 0};

	while (*format) {
		const char *percent = strchrnul(format, '%');

		put(&o, format, (size_t)(percent - format));
		if (!*percent)
			break;
		struct spec s = {.precision = -1};

		format = parse_flags(percent + 1, &s);
		if (*format == '*') {
			s.width = va_arg(ap, int);
			s.left = s.left || s.width < 0;
			s.width = s.width < 0 ? -s.width : s.width;
			format++;
		} else {
			format = parse_number(format, &s.width);
		}
		if (*format == '.' && *++format == '*') {
			s.precision = va_arg(ap, int);
			format++;
		} else if (format[-1] == '.') {
			format = parse_number(format, &s.precision);
		}
		format = parse_size(format, &s.bytes);
		char c = *format ? *format++ : '\0';
		uint64_t value = 0;

		if (c && strchr("diuxXo", c))
			value = narrow(s.bytes == sizeof value ? va_arg(ap, uint64_t)
							       : va_arg(ap, unsigned),
				       s.bytes, c == 'd' || c == 'i');
		s.upper = c == 'X';
		switch (c) {
		case 'd':
		case 'i':
			put_integer(&o, &s, (int64_t)value < 0 ? -value : value, (int64_t)value < 0,
				    10);
			break;
		case 'u': put_integer(&o, &s, value, false, 10); break;
		case 'x':
		case 'X': put_integer(&o, &s, value, false, 16); break;
		case 'o': put_integer(&o, &s, value, false, 8); break;
		case 'f': put_double(&o, &s, va_arg(ap, double)); break;
		case 's': put_text(&o, &s, va_arg(ap, const char *)); break;
		case 'c': put(&o, &(char){(char)va_arg(ap, int)}, 1); break;
		case '%': put(&o, "%", 1); break;
		default: format = ""; break;
		}
	}
	if (size > 0)
		buf[o.n < size ? o.n : size - 1] = '\0';
	return (int)o.n;
}

int small_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int n = small_vsnprintf(buf, size, format, ap);
	va_end(ap);
	return n;
}
