/* rate.c - see rate.h. */
#include "base/rate.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct rate_client *find(struct rate *r, const uint8_t key[RATE_KEY])
{
	for (size_t i = 0; i < r->count; i++)
		if (memcmp(r->clients[i].key, key, RATE_KEY) == 0)
			return &r->clients[i];
	return NULL;
}

static struct rate_client *find_or_add(struct rate *r, const uint8_t key[RATE_KEY])
{
	struct rate_client *c = find(r, key);

	if (c)
		return c;
	if (r->count < RATE_CLIENTS) {
		c = &r->clients[r->count++];
	} else {
		c = r->clients;
		for (size_t i = 1; i < r->count; i++)
			if (r->clients[i].full < c->full)
				c = &r->clients[i];
	}
	memcpy(c->key, key, RATE_KEY);
	c->full = 0;
	return c;
}

/* When the bucket will be full if a token is taken from one that is full at FULL. */
static uint64_t full_after(const struct rate *r, uint64_t full, uint64_t now)
{
	return (full > now ? full : now) + r->each_ns;
}

static unsigned seconds_short(const struct rate *r, uint64_t full, uint64_t now)
{
	uint64_t burst = r->burst * r->each_ns;

	return full - now > burst ? (unsigned)((full - now - burst + SECOND - 1) / SECOND) : 0;
}

unsigned rate_take(struct rate *r, const uint8_t key[RATE_KEY], uint64_t now)
{
	struct rate_client *c = find_or_add(r, key);
	uint64_t full = full_after(r, c->full, now);
	unsigned wait = seconds_short(r, full, now);

	if (wait == 0)
		c->full = full;
	return wait;
}

unsigned rate_wait(struct rate *r, const uint8_t key[RATE_KEY], uint64_t now)
{
	const struct rate_client *c = find(r, key);

	return c ? seconds_short(r, full_after(r, c->full, now), now) : 0;
}

void rate_key(const uint8_t address[16], uint8_t kind, uint8_t key[RATE_KEY])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	size_t n = memcmp(address, mapped, sizeof mapped) == 0 ? 16 : 8;

	memset(key, 0, RATE_KEY);
	memcpy(key, address, n);
	key[16] = kind;
}
