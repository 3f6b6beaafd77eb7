/* serial_text.c - see serial_text.h; POSIX cksum(1), RFC 4648. */
#include "format/serial_text.h"

#include <string.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	crc ^= (uint32_t)byte << 24;
	for (int bit = 0; bit < 8; bit++)
		crc = crc << 1 ^ (crc >> 31 ? UINT32_C(0x04c11db7) : 0);
	return crc;
}

uint32_t posix_cksum(const void *buf, size_t n)
{
	const uint8_t *p = buf;
	uint32_t crc = 0;

	for (size_t i = 0; i < n; i++)
		crc = crc_byte(crc, p[i]);
	for (; n > 0; n >>= 8)
		crc = crc_byte(crc, n & 0xff);
	return ~crc;
}

uint32_t shell_sum(const uint8_t *buf, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (sum * 251 + buf[i]) % 8388593;
	return sum;
}

static size_t base64_encode(const uint8_t *buf, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t group = (uint32_t)buf[i] << 16 |
				 (have > 1 ? (uint32_t)buf[i + 1] << 8 : 0) |
				 (have > 2 ? buf[i + 2] : 0);

		for (size_t c = 0; c < 4; c++)
			out[len++] = c > have ? '=' : base64[group >> (18 - 6 * c) & 63];
	}
	return len;
}

size_t serial_encode(enum serial_code code, const uint8_t *buf, size_t n, char *out)
{
	size_t len = 0;

	if (code == CODE_BASE64)
		return base64_encode(buf, n, out);
	for (size_t i = 0; i < n; i++) {
		out[len++] = '\\';
		out[len++] = '0';
		out[len++] = (char)('0' + (buf[i] >> 6));
		out[len++] = (char)('0' + (buf[i] >> 3 & 7));
		out[len++] = (char)('0' + (buf[i] & 7));
	}
	return len;
}

static int value_of(const char *digits, char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static ssize_t base64_decode(const char *text, size_t n, uint8_t *out)
{
	ssize_t len = 0;

	if (n % 4 != 0)
		return -1;
	for (int pad = 0; pad < 2 && n > 0 && text[n - 1] == '='; pad++)
		n--;
	for (size_t i = 0; i < n; i += 4) {
		size_t have = n - i < 4 ? n - i : 4;
		uint32_t group = 0;

		for (size_t c = 0; c < 4; c++) {
			int value = c < have ? value_of(base64, text[i + c]) : 0;

			if (value < 0)
				return -1;
			group = group << 6 | (uint32_t)value;
		}
		for (size_t b = 0; b + 1 < have; b++)
			out[len++] = (uint8_t)(group >> (16 - 8 * b));
	}
	return len;
}

ssize_t serial_decode(enum serial_code code, const char *text, size_t n, uint8_t *out)
{
	static const char hex[] = "0123456789abcdef";

	if (code == CODE_BASE64)
		return base64_decode(text, n, out);
	if (n % 2 != 0)
		return -1;
	for (size_t i = 0; i < n; i += 2) {
		int high = value_of(hex, text[i]);
		int low = value_of(hex, text[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (ssize_t)(n / 2);
}
