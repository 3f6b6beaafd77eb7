/* sha256.c - see sha256.h; the names are those of FIPS 180-4, 6.2. */
#include "format/sha256.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 64

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2};

static uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void add_block(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[64];
	uint32_t v[8];

	for (int t = 0; t < 16; t++, p += 4)
		w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (int t = 16; t < 64; t++) {
		uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}
	memcpy(v, h, sizeof v);
	for (int t = 0; t < 64; t++) {
		uint32_t S1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t T1 = v[7] + S1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[t] + w[t];
		uint32_t S0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t T2 = S0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += T1;
		v[0] = T1 + T2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Process the last N bytes at P, less than a block, of TOTAL; then return the sum. */
static void finish(uint32_t h[8], const uint8_t *p, size_t n, uint64_t total, char out[SHA256_TEXT])
{
	uint8_t last[2 * BLOCK] = {0};
	size_t size = n + 9 <= BLOCK ? BLOCK : 2 * BLOCK;

	if (n)
		memcpy(last, p, n);
	last[n] = 0x80;
	for (size_t i = 0; i < 8; i++)
		last[size - 1 - i] = (uint8_t)(total * 8 >> 8 * i);
	for (size_t at = 0; at < size; at += BLOCK)
		add_block(h, last + at);
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(out + 8 * i, 9, "%08x", (unsigned)h[i]);
}

void sha256_text(const void *buf, size_t n, char out[SHA256_TEXT])
{
	const uint8_t *p = buf;
	size_t whole = n / BLOCK * BLOCK;
	uint32_t h[8];

	memcpy(h, first, sizeof h);
	for (size_t at = 0; at < whole; at += BLOCK)
		add_block(h, p + at);
	finish(h, p + whole, n - whole, n, out);
}

bool sha256_file(int fd, char out[SHA256_TEXT])
{
	static uint8_t buf[1024 * BLOCK];
	uint64_t total = 0;
	size_t have = 0;
	uint32_t h[8];

	memcpy(h, first, sizeof h);
	for (;;) {
		ssize_t n = pread(fd, buf + have, sizeof buf - have, (off_t)total);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		total += (uint64_t)n;
		have += (size_t)n;
		if (n > 0 && have < sizeof buf)
			continue;
		size_t at = 0;

		for (; at + BLOCK <= have; at += BLOCK)
			add_block(h, buf + at);
		if (n == 0) {
			finish(h, buf + at, have - at, total, out);
			return true;
		}
		have = 0;
	}
}
