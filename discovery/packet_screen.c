/* Goes through the names and records of a DNS message without keeping anything: see packet_screen.h. */
#include "discovery/packet_screen.h"

#include <arpa/nameser.h>
#include <string.h>
#include <strings.h>

#include "discovery/mdns.h"

enum {
	MAX_LABEL = 63,
	MAX_NAME = 255,  /* including all lengths and the root */
	POINTER = 0xc0,  /* the two top bits of a label's length */
	RESPONSE = 0x80, /* in the first byte of the flags */
	INSTANCE_LEN = TXT_ID_LEN + 5,
};

struct packet_cursor {
	const uint8_t *p;
	size_t n;
	size_t at;
	bool about_us; /* a name that concerns lanyard was seen */
	uint32_t hash; /* hash of the name that was skipped last */
};

/* True for "_lanyard", for the question which types there are, and for an instance or host name made by
 * dns_records_instance(). */
static bool concerns_us(const uint8_t *label, size_t len)
{
	static const char ours[] = "_lanyard";
	static const char types[] = "_dns-sd";
	const char *text = (const char *)label;

	if (len == sizeof(ours) - 1)
		return strncasecmp(text, ours, len) == 0;
	if (len == sizeof(types) - 1)
		return strncasecmp(text, types, len) == 0;
	return len == INSTANCE_LEN && text[TXT_ID_LEN] == '-';
}

/* FNV-1a; upper-case letters count as lower-case. */
static uint32_t hash_more(uint32_t hash, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t)(p[i] + ('a' - 'A')) : p[i];

		hash = (hash ^ c) * 16777619U;
	}
	return hash;
}

/* Steps over a name. A pointer must lead backwards, further than the one before, so there is an end. */
static int skip_name(struct packet_cursor *s)
{
	size_t at = s->at;
	size_t limit = at; /* pointers lead before this */
	size_t total = 0;
	bool jumped = false;

	s->hash = 2166136261U;
	for (;;) {
		uint8_t len;

		if (at >= s->n)
			return -1;
		len = s->p[at];
		if ((len & POINTER) == POINTER) {
			size_t target;

			if (at + 1 >= s->n)
				return -1;
			target = (size_t)(len & ~POINTER) << 8 | s->p[at + 1];
			if (target >= limit)
				return -1;
			if (!jumped)
				s->at = at + 2;
			jumped = true;
			limit = target;
			at = target;
			continue;
		}
		total += (size_t)len + 1;
		if (len > MAX_LABEL || total > MAX_NAME || s->n - at - 1 < len)
			return -1;
		if (len == 0)
			break;
		s->about_us |= concerns_us(s->p + at + 1, len);
		s->hash = hash_more(s->hash, s->p + at, (size_t)len + 1);
		at += (size_t)len + 1;
	}
	if (!jumped)
		s->at = at + 1;
	return 0;
}

static uint16_t u16_at(const struct packet_cursor *s, size_t at)
{
	return (uint16_t)(s->p[at] << 8 | s->p[at + 1]);
}

/* Types that lead from one name to another, for which there is no use here. */
static bool redirects(uint16_t type)
{
	return type == ns_t_cname || type == ns_t_dname;
}

/* *hash tells records apart by name, type and data. */
static int skip_record(struct packet_cursor *s, uint32_t *hash)
{
	uint16_t len;

	if (skip_name(s) < 0 || s->n - s->at < NS_RRFIXEDSZ)
		return -1;
	if (redirects(u16_at(s, s->at)))
		return -1;
	*hash = hash_more(s->hash, s->p + s->at, 2);
	len = u16_at(s, s->at + NS_RRFIXEDSZ - 2);
	s->at += NS_RRFIXEDSZ;
	if (s->n - s->at < len)
		return -1;
	*hash = hash_more(*hash, s->p + s->at, len);
	s->at += len;
	return 0;
}

static void count_census(struct packet_census *census, const uint32_t *hashes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bit = (hashes[i] ^ hashes[i] >> 16) % PACKET_CENSUS_BITS;

		if ((census->seen[bit / 8] & 1U << bit % 8) == 0)
			census->records++;
		census->seen[bit / 8] |= (uint8_t)(1U << bit % 8);
	}
}

/* A packet that is not well-formed to its last record does not pass, even if it concerns us: avahi would read all
 * of it. */
bool packet_screen(const uint8_t *p, size_t n, struct packet_census *census)
{
	struct packet_cursor s = { .p = p, .n = n, .at = NS_HFIXEDSZ };
	uint32_t hashes[PACKET_MAX_RECORDS];
	unsigned questions;
	unsigned records;

	if (n < NS_HFIXEDSZ || n > PACKET_MAX)
		return false;
	questions = u16_at(&s, 4);
	records = u16_at(&s, 6) + u16_at(&s, 8) + u16_at(&s, 10);
	if (questions + records > PACKET_MAX_RECORDS)
		return false;
	for (; questions > 0; questions--) {
		if (skip_name(&s) < 0 || n - s.at < NS_QFIXEDSZ)
			return false;
		s.at += NS_QFIXEDSZ;
	}
	for (unsigned i = 0; i < records; i++) {
		if (skip_record(&s, &hashes[i]) < 0)
			return false;
	}
	if (s.about_us && census != NULL && (p[2] & RESPONSE) != 0)
		count_census(census, hashes, records);
	return s.about_us;
}
