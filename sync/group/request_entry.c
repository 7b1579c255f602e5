/* The bytes of requests and answers: see request_entry.h. docs/roster.md lists the fields. */
#include "sync/group/request_entry.h"

#include <string.h>

#include "base/sha256.h"
#include "sync/group/roster_internal.h"

/* Each with its NUL, so that no signature passes for another kind's. */
static const uint8_t ask_label[] = "lanyard ask 1";
static const uint8_t given_label[] = "lanyard given 1";
static const uint8_t answer_label[] = "lanyard answer 1";

enum { CODE_BYTES = 5 };

/* --- the code --- */

void request_commit(uint8_t commitment[REQUEST_NONCE], const uint8_t key[PUBLIC_KEY_LEN],
                    const uint8_t r[REQUEST_NONCE])
{
	uint8_t in[PUBLIC_KEY_LEN + REQUEST_NONCE];

	memcpy(in, key, PUBLIC_KEY_LEN);
	memcpy(in + PUBLIC_KEY_LEN, r, REQUEST_NONCE);
	sha256(commitment, in, sizeof(in));
}

void request_code(char out[REQUEST_CODE_TEXT], const struct group_tag *tag, const uint8_t key[PUBLIC_KEY_LEN],
                  const uint8_t r[REQUEST_NONCE], const uint8_t s[REQUEST_NONCE])
{
	struct bytes in = BYTES_INIT(sizeof(tag->b) + PUBLIC_KEY_LEN + 2 * REQUEST_NONCE);
	uint8_t hash[SHA256_SIZE];
	char digits[CODE_BYTES * 8 / 5 + 1];

	bytes_append(&in, tag->b, sizeof(tag->b));
	bytes_append(&in, key, PUBLIC_KEY_LEN);
	bytes_append(&in, r, REQUEST_NONCE);
	bytes_append(&in, s, REQUEST_NONCE);
	sha256(hash, in.p, in.len);
	bytes_free(&in);
	base32_encode(digits, hash, CODE_BYTES);
	memcpy(out, digits, 4);
	out[4] = '-';
	memcpy(out + 5, digits + 4, 5);
}

bool request_code_is(const char *text, const char code[REQUEST_CODE_TEXT])
{
	uint8_t typed[CODE_BYTES], real[CODE_BYTES];
	char packed[REQUEST_CODE_TEXT];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '-')
			continue;
		if (n == sizeof(packed) - 1)
			return false;
		packed[n++] = *text;
	}
	packed[n] = '\0';
	return base32_decode(typed, sizeof(typed), packed) == CODE_BYTES &&
	       base32_decode(real, sizeof(real), code) == CODE_BYTES && memcmp(typed, real, CODE_BYTES) == 0;
}

size_t request_network(const char *address)
{
	static const char link_local[] = "fe80:"; /* all hosts of a link share that network */
	size_t colons = 0, n = 0;

	if (strncmp(address, link_local, sizeof(link_local) - 1) == 0)
		return strlen(address);
	while (address[n] != '\0') {
		if (address[n] == ':' && ++colons == 4)
			return n;
		/* Zeros are left out: what follows is the host's part, or there is little before it. */
		if (address[n] == ':' && address[n + 1] == ':')
			return n;
		n++;
	}
	return n;
}

/* --- writing --- */

/* What may be shown of it, behind its length. */
static void append_shown(struct bytes *out, const char *text, size_t max)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	struct bytes shown = BYTES_INIT(max);
	uint32_t code;

	while (p < end && !shown.full) {
		size_t len = roster_name_char(p, (size_t)(end - p), &code);

		bytes_append(&shown, p, len);
		p += len > 0 ? len : 1;
	}
	bytes_append_u8(out, (uint8_t)shown.len);
	bytes_append(out, shown.p, shown.len);
	bytes_free(&shown);
}

static void append_signature(struct bytes *out, const uint8_t *p, size_t n, const struct identity *signer)
{
	uint8_t signature[SIGNATURE_LEN];

	identity_sign(signer, p, n, signature);
	bytes_append(out, signature, sizeof(signature));
}

void request_sign(struct bytes *out, const struct request *q, const struct identity *asker)
{
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX);

	bytes_append(&part, ask_label, sizeof(ask_label));
	bytes_append(&part, q->tag.b, sizeof(q->tag.b));
	bytes_append(&part, q->key, PUBLIC_KEY_LEN);
	bytes_append(&part, q->r, REQUEST_NONCE);
	bytes_append(&part, q->s, REQUEST_NONCE);
	bytes_append(&part, q->giver.b, sizeof(q->giver.b));
	bytes_append_u64(&part, q->number);
	append_shown(&part, q->name, MEMBER_NAME_MAX);
	append_shown(&part, q->message, REQUEST_MESSAGE_MAX);
	append_signature(&part, part.p, part.len, asker);
	bytes_append(out, part.p, part.len);
	bytes_free(&part);
}

/* What the giver signs: its label and the entry so far. */
static struct bytes given_statement(const uint8_t *p, size_t n)
{
	struct bytes b = BYTES_INIT(sizeof(given_label) + REQUEST_ENTRY_MAX);

	bytes_append(&b, given_label, sizeof(given_label));
	bytes_append(&b, p, n);
	return b;
}

int request_vouch(struct bytes *out, const uint8_t *part, size_t n, const char *address, int64_t given_s,
                  const struct identity *giver)
{
	struct bytes entry = BYTES_INIT(REQUEST_ENTRY_MAX), statement;
	struct request_entry e;

	if (request_parse_part(&e, part, n) < 0)
		return -1;
	bytes_append(&entry, part, n);
	bytes_append_u64(&entry, (uint64_t)given_s);
	append_shown(&entry, address, REQUEST_ADDRESS_MAX);
	bytes_append(&entry, identity_public_key(giver), PUBLIC_KEY_LEN);
	statement = given_statement(entry.p, entry.len);
	append_signature(&entry, statement.p, statement.len, giver);
	bytes_append(out, entry.p, entry.len);
	bytes_free(&statement);
	bytes_free(&entry);
	return 0;
}

void request_answer(struct bytes *out, const struct group_tag *tag, const struct agent_id *asker, uint64_t number,
                    enum request_verdict verdict, int64_t date_s, const struct identity *owner)
{
	struct bytes entry = BYTES_INIT(REQUEST_ENTRY_MAX);

	bytes_append(&entry, answer_label, sizeof(answer_label));
	bytes_append(&entry, tag->b, sizeof(tag->b));
	bytes_append(&entry, asker->b, sizeof(asker->b));
	bytes_append_u64(&entry, number);
	bytes_append_u8(&entry, (uint8_t)verdict);
	bytes_append_u64(&entry, (uint64_t)date_s);
	bytes_append(&entry, identity_public_key(owner), PUBLIC_KEY_LEN);
	append_signature(&entry, entry.p, entry.len, owner);
	bytes_append(out, entry.p, entry.len);
	bytes_free(&entry);
}

/* --- reading --- */

static void take_into(struct reader *in, void *to, size_t n)
{
	const uint8_t *p = reader_take(in, n);

	if (p != NULL)
		memcpy(to, p, n);
}

static const char *take_shown(struct reader *in, size_t *n, size_t max)
{
	const uint8_t *p;
	uint32_t code;

	*n = reader_u8(in);
	p = reader_take(in, *n);
	if (p == NULL || *n > max) {
		in->bad = true;
		*n = 0;
		return "";
	}
	for (size_t i = 0, len; i < *n; i += len) {
		len = roster_name_char(p + i, *n - i, &code);
		if (len == 0) {
			in->bad = true;
			break;
		}
	}
	return (const char *)p;
}

static bool take_label(struct reader *in, const uint8_t *label, size_t n)
{
	const uint8_t *p = reader_take(in, n);

	return p != NULL && memcmp(p, label, n) == 0;
}

/* Dates beyond this are nonsense, and would overflow where they are reckoned with. */
static int64_t take_date(struct reader *in)
{
	uint64_t date = reader_u64(in);

	if (date > (uint64_t)1 << 40)
		in->bad = true;
	return (int64_t)date;
}

static void take_part(struct reader *in, struct request_entry *e, const uint8_t *start)
{
	if (!take_label(in, ask_label, sizeof(ask_label)))
		in->bad = true;
	take_into(in, e->tag.b, sizeof(e->tag.b));
	e->key = reader_take(in, PUBLIC_KEY_LEN);
	e->r = reader_take(in, REQUEST_NONCE);
	e->s = reader_take(in, REQUEST_NONCE);
	take_into(in, e->signer.b, sizeof(e->signer.b));
	e->number = reader_u64(in);
	e->name = take_shown(in, &e->name_n, MEMBER_NAME_MAX);
	e->message = take_shown(in, &e->message_n, REQUEST_MESSAGE_MAX);
	(void)reader_take(in, SIGNATURE_LEN);
	if (in->bad)
		return;
	e->part_n = (size_t)(in->p - start);
	identity_id_of_key(&e->asker, e->key);
	if (e->number == 0) /* says "none" elsewhere */
		in->bad = true;
}

int request_parse_part(struct request_entry *e, const uint8_t *p, size_t n)
{
	struct reader in = READER_INIT(p, n);

	memset(e, 0, sizeof(*e));
	take_part(&in, e, p);
	return in.bad || reader_left(&in) > 0 ? -1 : 0;
}

static void take_rest_of_ask(struct reader *in, struct request_entry *e)
{
	struct agent_id id;

	e->date_s = take_date(in);
	e->address = take_shown(in, &e->address_n, REQUEST_ADDRESS_MAX);
	e->signer_key = reader_take(in, PUBLIC_KEY_LEN);
	(void)reader_take(in, SIGNATURE_LEN);
	if (in->bad)
		return;
	identity_id_of_key(&id, e->signer_key);
	in->bad = !agent_id_equal(&id, &e->signer);
}

static void take_owners_answer(struct reader *in, struct request_entry *e)
{
	uint8_t verdict;

	e->is_answer = true;
	take_into(in, e->tag.b, sizeof(e->tag.b));
	take_into(in, e->asker.b, sizeof(e->asker.b));
	e->number = reader_u64(in);
	verdict = reader_u8(in);
	e->date_s = take_date(in);
	e->signer_key = reader_take(in, PUBLIC_KEY_LEN);
	(void)reader_take(in, SIGNATURE_LEN);
	if (in->bad || verdict < REQUEST_SEEN || verdict > REQUEST_BARRED) {
		in->bad = true;
		return;
	}
	e->verdict = (enum request_verdict)verdict;
	identity_id_of_key(&e->signer, e->signer_key);
}

int request_parse(struct request_entry *e, const uint8_t *p, size_t n)
{
	struct reader in = READER_INIT(p, n);

	memset(e, 0, sizeof(*e));
	if (n > REQUEST_ENTRY_MAX)
		return -1;
	if (n >= sizeof(answer_label) && memcmp(p, answer_label, sizeof(answer_label)) == 0) {
		(void)reader_take(&in, sizeof(answer_label));
		take_owners_answer(&in, e);
	} else {
		take_part(&in, e, p);
		if (!in.bad)
			take_rest_of_ask(&in, e);
	}
	return in.bad || reader_left(&in) > 0 ? -1 : 0;
}

bool request_part_signed(const uint8_t *p, size_t n)
{
	struct request_entry e;

	return request_parse_part(&e, p, n) == 0 &&
	       identity_verify(e.key, p, n - SIGNATURE_LEN, p + n - SIGNATURE_LEN) == 0;
}

bool request_signed(const uint8_t *p, size_t n)
{
	struct request_entry e;
	struct bytes statement;
	bool holds;

	if (request_parse(&e, p, n) < 0)
		return false;
	if (e.is_answer)
		return identity_verify(e.signer_key, p, n - SIGNATURE_LEN, p + n - SIGNATURE_LEN) == 0;
	if (!request_part_signed(p, e.part_n))
		return false;
	statement = given_statement(p, n - SIGNATURE_LEN);
	holds = identity_verify(e.signer_key, statement.p, statement.len, p + n - SIGNATURE_LEN) == 0;
	bytes_free(&statement);
	return holds;
}
