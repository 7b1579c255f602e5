/* Walks over names and records of a DNS message without keeping anything: see packet_screen.h. */
#include "discovery/packet_screen.h"

#include <arpa/nameser.h>
#include <string.h>
#include <strings.h>

#include "discovery/mdns.h"

enum {
	MAX_LABEL = 63,
	MAX_NAME = 255, /* with all lengths, and the root */
	POINTER = 0xc0, /* the two top bits of a label's length */
	INSTANCE_LEN = TXT_ID_LEN + 5,
};

struct scan {
	const uint8_t *p;
	size_t n;
	size_t at;
	bool about_us; /* a name that concerns lanyard was seen */
};

/* "_lanyard", the question which types there are, or an instance or host name made by records_instance(). */
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

/* Steps over a name. A pointer must lead backwards, further than the one before, so there is an end. */
static int skip_name(struct scan *s)
{
	size_t at = s->at;
	size_t limit = at; /* pointers lead before this */
	size_t total = 0;
	bool jumped = false;

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
		at += (size_t)len + 1;
	}
	if (!jumped)
		s->at = at + 1;
	return 0;
}

static uint16_t u16_at(const struct scan *s, size_t at)
{
	return (uint16_t)(s->p[at] << 8 | s->p[at + 1]);
}

/* Types that lead from one name to another, which nobody has a use for here. */
static bool redirects(uint16_t type)
{
	return type == ns_t_cname || type == ns_t_dname;
}

static int skip_record(struct scan *s)
{
	uint16_t len;

	if (skip_name(s) < 0 || s->n - s->at < NS_RRFIXEDSZ)
		return -1;
	if (redirects(u16_at(s, s->at)))
		return -1;
	len = u16_at(s, s->at + NS_RRFIXEDSZ - 2);
	s->at += NS_RRFIXEDSZ;
	if (s->n - s->at < len)
		return -1;
	s->at += len;
	return 0;
}

bool packet_screen(const uint8_t *p, size_t n)
{
	struct scan s = { .p = p, .n = n, .at = NS_HFIXEDSZ };
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
	for (; records > 0; records--) {
		if (skip_record(&s) < 0)
			return false;
	}
	return s.about_us;
}
