/* Names of agents and groups as text: see id.h. */
#include "sync/group/id.h"

#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/sha256.h"

enum { DIGITS = 52, DIGITS_A_GROUP = 7 };

void agent_id_plain(char out[ID_PLAIN_MAX], const struct agent_id *id)
{
	base32_encode(out, id->b, sizeof(id->b));
}

void agent_id_text(char out[ID_TEXT_MAX], const struct agent_id *id)
{
	char plain[ID_PLAIN_MAX];
	char *to = out;

	agent_id_plain(plain, id);
	for (int i = 0; i < DIGITS; i++) {
		if (i > 0 && i % DIGITS_A_GROUP == 0)
			*to++ = '-';
		*to++ = plain[i];
	}
	*to = '\0';
}

int agent_id_parse(struct agent_id *id, const char *text)
{
	struct agent_id parsed;
	char form[ID_TEXT_MAX];
	size_t len = strlen(text);

	if (len < DIGITS || len >= ID_TEXT_MAX)
		return -1;
	if (base32_decode(parsed.b, sizeof(parsed.b), text) != (int)sizeof(parsed.b))
		return -1;
	/* The decoder accepts dashes anywhere; we accept them only where we print them. */
	if (len == DIGITS)
		agent_id_plain(form, &parsed);
	else
		agent_id_text(form, &parsed);
	if (strcasecmp(form, text) != 0)
		return -1;
	*id = parsed;
	return 0;
}

bool agent_id_equal(const struct agent_id *a, const struct agent_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

uint64_t agent_id_short(const struct agent_id *id)
{
	return get_u64(id->b);
}

void short_id_text(char out[9], uint64_t short_id)
{
	uint8_t b[8];

	put_u64(b, short_id);
	base32_encode(out, b, 5); /* 40 bits are eight whole digits */
}

bool group_id_equal(const struct group_id *a, const struct group_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void group_id_tag_of(struct group_tag *tag, const struct group_id *id)
{
	static const char label[] = "lanyard tag";
	uint8_t in[sizeof(label) - 1 + sizeof(id->b)];
	uint8_t hash[SHA256_SIZE];

	memcpy(in, label, sizeof(label) - 1);
	memcpy(in + sizeof(label) - 1, id->b, sizeof(id->b));
	sha256(hash, in, sizeof(in));
	memcpy(tag->b, hash, sizeof(tag->b));
}

void group_id_tag_text(char out[TAG_TEXT_MAX], const struct group_tag *tag)
{
	base32_encode(out, tag->b, sizeof(tag->b));
}

void group_id_tag(char out[TAG_TEXT_MAX], const struct group_id *id)
{
	struct group_tag tag;

	group_id_tag_of(&tag, id);
	group_id_tag_text(out, &tag);
}

int group_id_tag_parse(struct group_tag *tag, const char *text)
{
	struct group_tag parsed = { 0 };

	if (base32_decode(parsed.b, sizeof(parsed.b), text) != (int)sizeof(parsed.b))
		return -1;
	*tag = parsed;
	return 0;
}
