/* The mailbox: its entries, and what others are told of them. See requests.h. */
#include "sync/group/requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/requests_internal.h"

struct requests *requests_new(const struct group_id *group)
{
	struct requests *r = MEM_NEW(struct requests);

	group_id_tag_of(&r->tag, group);
	return r;
}

void requests_drop(struct requests *r, struct mail *m)
{
	HASH_DEL(r->items, m);
	free(m->bytes);
	free(m->name);
	free(m->message);
	free(m->address);
	free(m);
}

void requests_free(struct requests *r)
{
	struct mail *m, *next;
	struct requests_expired *x, *tmp;

	if (r == NULL)
		return;
	HASH_ITER(hh, r->items, m, next)
		requests_drop(r, m);
	HASH_ITER(hh, r->expired, x, tmp) {
		HASH_DEL(r->expired, x);
		free(x);
	}
	free(r);
}

/* --- taking in --- */

bool requests_check(const struct group_tag *tag, const uint8_t *entry, size_t n)
{
	struct request_entry e;

	return request_parse(&e, entry, n) == 0 && memcmp(&e.tag, tag, sizeof(*tag)) == 0 && request_signed(entry, n);
}

static struct mail *mail_find(const struct requests *r, const uint8_t *entry, size_t n)
{
	uint8_t hash[SHA256_SIZE];
	struct mail *m;

	sha256(hash, entry, n);
	HASH_FIND(hh, r->items, hash, sizeof(hash), m);
	return m;
}

bool requests_knows(const struct requests *r, const uint8_t *entry, size_t n)
{
	return mail_find(r, entry, n) != NULL;
}

static char *text_of(const char *p, size_t n)
{
	char *text = mem_calloc(1, n + 1);

	memcpy(text, p, n);
	return text;
}

struct mail *requests_insert(struct requests *r, const uint8_t *entry, size_t n, int64_t heard_s)
{
	struct mail *m = MEM_NEW(struct mail);

	m->bytes = mem_dup(entry, n);
	m->n = n;
	sha256(m->hash, entry, n);
	(void)request_parse(&m->e, m->bytes, n);
	m->heard_s = heard_s;
	m->serial = ++r->serial;
	if (!m->e.is_answer) {
		m->name = text_of(m->e.name, m->e.name_n);
		m->message = text_of(m->e.message, m->e.message_n);
		m->address = text_of(m->e.address, m->e.address_n);
	}
	HASH_ADD(hh, r->items, hash, sizeof(m->hash), m);
	return m;
}

void requests_expire(struct requests *r, const struct agent_id *asker, uint64_t number, int64_t at_s)
{
	struct requests_expired *x;

	HASH_FIND(hh, r->expired, asker, sizeof(*asker), x);
	if (x != NULL) {
		HASH_DEL(r->expired, x);
	} else {
		x = MEM_NEW(struct requests_expired);
		x->asker = *asker;
	}
	if (number > x->number)
		x->number = number;
	x->at_s = at_s;
	HASH_ADD(hh, r->expired, asker, sizeof(x->asker), x);
	if (HASH_COUNT(r->expired) <= REQUESTS_EXPIRED_MAX)
		return;
	x = r->expired; /* the first is the oldest */
	HASH_DEL(r->expired, x);
	free(x);
}

static bool has_expired(const struct requests *r, const struct request_entry *e)
{
	const struct requests_expired *x;

	HASH_FIND(hh, r->expired, &e->asker, sizeof(e->asker), x);
	return x != NULL && e->number <= x->number;
}

enum requests_put_result requests_put(struct requests *r, uint64_t bringer, const uint8_t *entry, size_t n,
                                      int64_t now_s)
{
	struct request_entry e;

	if (request_parse(&e, entry, n) < 0 || memcmp(&e.tag, &r->tag, sizeof(r->tag)) != 0)
		return REQUESTS_BAD;
	if (mail_find(r, entry, n) != NULL || (!e.is_answer && has_expired(r, &e)))
		return REQUESTS_KNOWN;
	requests_insert(r, entry, n, now_s)->bringer = bringer;
	return REQUESTS_NEW;
}

/* --- telling --- */

void requests_news(struct requests *r, void (*fn)(void *arg, uint64_t bringer, const uint8_t *entry, size_t n),
                   void *arg)
{
	struct mail *m, *next;

	HASH_ITER(hh, r->items, m, next) {
		if (!m->counts || m->told)
			continue;
		m->told = true;
		fn(arg, m->bringer, m->bytes, m->n);
	}
}

void requests_entries(const struct requests *r, void (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	const struct mail *m, *next;

	HASH_ITER(hh, r->items, m, next)
		if (m->counts)
			fn(arg, m->bytes, m->n);
}

static int mail_by_hash(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_SIZE);
}

bool requests_digest(const struct requests *r, uint8_t digest[32])
{
	uint8_t *hashes = mem_calloc(HASH_COUNT(r->items) + 1, SHA256_SIZE);
	const struct mail *m, *next;
	size_t n = 0;

	HASH_ITER(hh, r->items, m, next)
		if (m->counts)
			memcpy(hashes + n++ * SHA256_SIZE, m->hash, SHA256_SIZE);
	qsort(hashes, n, SHA256_SIZE, mail_by_hash);
	sha256(digest, hashes, n * SHA256_SIZE);
	free(hashes);
	return n > 0;
}
