/* limit.c - limits for clients: connections, requests of an address, wrong tokens. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rate.h"
#include "web/web.h"

/* ---- connections --------------------------------------------------------------------------- */

/* A connection, which its wsi points to. */
struct place {
	struct lws *wsi;     /* NULL: free */
	uint64_t number;     /* in the order of their beginnings */
	uint8_t address[16]; /* of the client; all zeros if it is not known */
	bool known;	     /* it has had a request with the token */
	bool evicted;
};

static struct place places[WEB_PLACES];

static struct place *choose(bool (*better)(const struct place *a, const struct place *b))
{
	struct place *best = NULL;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (better(&places[i], best))
			best = &places[i];
	return best;
}

static bool is_free(const struct place *a, const struct place *best)
{
	return !best && !a->wsi;
}

static bool is_older_stranger(const struct place *a, const struct place *best)
{
	return a->wsi && !a->known && !a->evicted && (!best || a->number < best->number);
}

bool limit_connection(void)
{
	struct place *victim;

	if (server.connections < WEB_CONNECTIONS)
		return true;
	victim = choose(is_older_stranger);
	if (!victim || !choose(is_free))
		return false;
	victim->evicted = true;
	lws_set_timeout(victim->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	return true;
}

static void address_of(struct lws *wsi, uint8_t address[16])
{
	struct sockaddr_storage peer = {0};
	const struct sockaddr_in *v4 = (const void *)&peer;
	const struct sockaddr_in6 *v6 = (const void *)&peer;
	socklen_t size = sizeof peer;

	if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)(void *)&peer, &size) != 0)
		return;
	if (peer.ss_family == AF_INET6) {
		memcpy(address, &v6->sin6_addr, 16);
	} else if (peer.ss_family == AF_INET) {
		address[10] = address[11] = 0xff;
		memcpy(address + 12, &v4->sin_addr, 4);
	}
}

void limit_connected(struct lws *wsi)
{
	static uint64_t numbers;
	struct place *p = choose(is_free);

	server.connections++;
	if (p) {
		*p = (struct place){.wsi = wsi, .number = numbers++};
		address_of(wsi, p->address);
	}
	lws_set_opaque_user_data(wsi, p);
}

void limit_known(struct lws *wsi)
{
	struct place *p = lws_get_opaque_user_data(wsi);

	if (p)
		p->known = true;
}

void limit_disconnected(struct lws *wsi)
{
	struct place *p = lws_get_opaque_user_data(wsi);

	if (!p) /* it was closed before it was adopted */
		return;
	p->wsi = NULL;
	server.connections--;
}

/* ---- requests of an address ---------------------------------------------------------------- */

static struct rate requests = {.each_ns = SECOND / REQUESTS_PER_S, .burst = REQUESTS_BURST};

static void key_of(struct lws *wsi, uint8_t kind, uint8_t key[RATE_KEY])
{
	static const uint8_t unknown[16];
	const struct place *p = lws_get_opaque_user_data(wsi);

	rate_key(p ? p->address : unknown, kind, key);
}

unsigned limit_request(struct lws *wsi, bool known)
{
	uint8_t key[RATE_KEY];

	key_of(wsi, known, key);
	unsigned wait = rate_take(&requests, key, now_ns());

	server.limited += wait > 0;
	return wait;
}

/* ---- wrong tokens -------------------------------------------------------------------------- */

/* Of an address, so that wrong tokens from elsewhere do not keep a client with the right one out.
 */
static struct rate failures = {.each_ns = 10 * SECOND, .burst = 20};

unsigned limit_tokens(struct lws *wsi)
{
	uint8_t key[RATE_KEY];

	key_of(wsi, 0, key);
	return rate_wait(&failures, key, now_ns());
}

void limit_wrong_token(struct lws *wsi)
{
	uint8_t key[RATE_KEY];

	key_of(wsi, 0, key);
	(void)rate_take(&failures, key, now_ns());
	server.logins_failed++;
}
