/* Entries as bytes: what is in them, in which order, and who signed what. docs/roster.md tells the same in prose. */
#include <string.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

enum { FORMAT = 1, SIGNED_TAIL = PUBLIC_KEY_LEN + SIGNATURE_LEN };

static const int64_t time_max = (int64_t)1 << 40;

/* What stands before the bytes that are signed, so that a signature for one purpose is none for another. The NUL is
 * part of it. */
static const char entry_label[] = "lanyard roster entry 1";
static const char invite_label[] = "lanyard invite 1";
static const char proof_label[] = "lanyard join 1";

static void sign(const struct identity *self, const char *label, size_t label_n, const uint8_t *p, size_t n,
                 uint8_t sig[SIGNATURE_LEN])
{
	uint8_t in[ROSTER_ENTRY_MAX + 64];

	memcpy(in, label, label_n);
	memcpy(in + label_n, p, n);
	identity_sign(self, in, label_n + n, sig);
}

static bool verify(const uint8_t *key, const char *label, size_t label_n, const uint8_t *p, size_t n,
                   const uint8_t *sig)
{
	uint8_t in[ROSTER_ENTRY_MAX + 64];

	memcpy(in, label, label_n);
	memcpy(in + label_n, p, n);
	return identity_verify(key, in, label_n + n, sig) == 0;
}

/* --- reading --- */

static void read_id(struct reader *r, struct agent_id *id)
{
	const uint8_t *p = reader_take(r, sizeof(id->b));

	if (p != NULL)
		memcpy(id->b, p, sizeof(id->b));
}

/* Of a public key: whose it is. */
static void read_key(struct reader *r, struct agent_id *id)
{
	const uint8_t *p = reader_take(r, PUBLIC_KEY_LEN);

	if (p != NULL)
		identity_id_of_key(id, p);
}

static int64_t read_time(struct reader *r)
{
	uint64_t v = reader_u64(r);

	if (v > (uint64_t)time_max)
		r->bad = true;
	return (int64_t)v;
}

/* A length byte and so many bytes without NUL. */
static const uint8_t *read_text(struct reader *r, size_t max, size_t *n)
{
	const uint8_t *p;

	*n = reader_u8(r);
	p = reader_take(r, *n);
	if (p == NULL || *n > max || memchr(p, '\0', *n) != NULL)
		r->bad = true;
	return p;
}

static void read_named(struct reader *r, struct roster_entry *e)
{
	e->nnamed = reader_u8(r);
	if (e->nnamed > ENTRY_NAMED_MAX)
		r->bad = true;
	e->named = reader_take(r, e->nnamed * HASH_LEN);
}

static void read_role(struct reader *r, struct roster_entry *e, enum role lowest)
{
	uint8_t role = reader_u8(r);

	if (role < lowest || role > ROLE_VAULT)
		r->bad = true;
	else
		e->role = (enum role)role;
}

static void read_group(struct reader *r, struct roster_entry *e)
{
	const uint8_t *p = reader_take(r, sizeof(e->group.b));

	if (p != NULL)
		memcpy(e->group.b, p, sizeof(e->group.b));
}

static void read_found(struct reader *r, struct roster_entry *e)
{
	char name[GROUP_NAME_MAX + 1] = "";

	e->time_s = read_time(r);
	reader_take(r, NONCE_LEN);
	e->flags = reader_u8(r);
	e->group_name = read_text(r, GROUP_NAME_MAX, &e->group_name_n);
	e->member_name = read_text(r, MEMBER_NAME_MAX, &e->member_name_n);
	e->role = ROLE_OWNER;
	if (r->bad)
		return;
	memcpy(name, e->group_name, e->group_name_n);
	if ((e->flags & ~(ENTRY_HIDDEN | ENTRY_SEALED)) != 0 || !group_name_valid(name))
		r->bad = true;
}

static void read_add(struct reader *r, struct roster_entry *e)
{
	read_group(r, e);
	e->time_s = read_time(r);
	read_id(r, &e->target);
	read_role(r, e, ROLE_OWNER);
	e->member_name = read_text(r, MEMBER_NAME_MAX, &e->member_name_n);
	read_named(r, e);
}

static void read_request(struct reader *r, struct roster_entry *e)
{
	read_group(r, e);
	read_role(r, e, ROLE_MEMBER); /* no invite makes an owner */
	e->expires_s = read_time(r);
	reader_take(r, PUBLIC_KEY_LEN);
	read_key(r, &e->issuer);
	reader_take(r, SIGNATURE_LEN);
	read_id(r, &e->target);
	e->member_name = read_text(r, MEMBER_NAME_MAX, &e->member_name_n);
	e->binding = reader_take(r, TLS_BINDING_LEN);
	reader_take(r, SIGNATURE_LEN);
}

static void read_join(struct reader *r, struct roster_entry *e)
{
	read_request(r, e);
	e->time_s = read_time(r);
	read_named(r, e);
	if (e->time_s > e->expires_s)
		r->bad = true;
}

static void read_remove(struct reader *r, struct roster_entry *e)
{
	read_group(r, e);
	e->time_s = read_time(r);
	read_id(r, &e->target);
}

/* By kind. Each reads up to the signer's key. */
static void (*const read_body[])(struct reader *r, struct roster_entry *e) = {
	[ENTRY_FOUND] = read_found,
	[ENTRY_ADD] = read_add,
	[ENTRY_JOIN] = read_join,
	[ENTRY_REMOVE] = read_remove,
};

static int read_start(struct reader *r, struct roster_entry *e)
{
	uint8_t kind;

	memset(e, 0, sizeof(*e));
	if (reader_u8(r) != FORMAT)
		return -1;
	kind = reader_u8(r);
	if (kind < ENTRY_FOUND || kind > ENTRY_REMOVE)
		return -1;
	e->kind = (enum entry_kind)kind;
	return 0;
}

int roster_entry_parse(struct roster_entry *e, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);

	if (n > ROSTER_ENTRY_MAX || read_start(&r, e) < 0)
		return -1;
	read_body[e->kind](&r, e);
	read_key(&r, &e->signer);
	reader_take(&r, SIGNATURE_LEN);
	if (r.bad || reader_left(&r) != 0)
		return -1;
	if (e->kind == ENTRY_FOUND) {
		sha256(e->group.b, p, n);
		e->target = e->signer;
	}
	/* Nobody adds itself, neither as an owner nor as the member that honours its own invite. */
	if ((e->kind == ENTRY_ADD || e->kind == ENTRY_JOIN) && agent_id_equal(&e->target, &e->signer))
		return -1;
	return 0;
}

int roster_entry_parse_request(struct roster_entry *e, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);

	if (n > JOIN_MAX || read_start(&r, e) < 0 || e->kind != ENTRY_JOIN)
		return -1;
	read_request(&r, e);
	return r.bad || reader_left(&r) != 0 ? -1 : 0;
}

/* --- signatures --- */

/* Where a request's signed parts are: a walk over bytes that are known to be well-formed. */
bool roster_entry_request_signed(const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p + 2, n - 2);
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct roster_entry e = { 0 };
	const uint8_t *invite_key, *issuer_key, *issuer_sig, *proof;
	bool good;

	read_group(&r, &e);
	read_role(&r, &e, ROLE_MEMBER);
	e.expires_s = read_time(&r);
	invite_key = reader_take(&r, PUBLIC_KEY_LEN);
	issuer_key = reader_take(&r, PUBLIC_KEY_LEN);
	issuer_sig = reader_take(&r, SIGNATURE_LEN);
	reader_take(&r, sizeof(e.target.b));
	read_text(&r, MEMBER_NAME_MAX, &e.member_name_n);
	reader_take(&r, TLS_BINDING_LEN);
	proof = reader_take(&r, SIGNATURE_LEN);
	if (r.bad)
		return false;
	roster_entry_invite_statement(&statement, &e.group, e.role, e.expires_s, invite_key, issuer_key);
	good = identity_verify(issuer_key, statement.p, statement.len, issuer_sig) == 0 &&
	       verify(invite_key, proof_label, sizeof(proof_label), p, (size_t)(proof - p), proof);
	bytes_free(&statement);
	return good;
}

/* Where the request inside a JOIN entry ends. */
static size_t request_len(const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p + 2, n - 2);
	struct roster_entry e;

	memset(&e, 0, sizeof(e));
	read_request(&r, &e);
	return (size_t)(r.p - p);
}

bool roster_entry_signed(const uint8_t *p, size_t n)
{
	const uint8_t *key = p + n - SIGNED_TAIL;

	if (!verify(key, entry_label, sizeof(entry_label), p, n - SIGNATURE_LEN, key + PUBLIC_KEY_LEN))
		return false;
	return p[1] != ENTRY_JOIN || roster_entry_request_signed(p, request_len(p, n));
}

/* --- writing --- */

static void start(struct bytes *b, enum entry_kind kind)
{
	bytes_append_u8(b, FORMAT);
	bytes_append_u8(b, (uint8_t)kind);
}

/* Cuts between characters: a byte that continues one is never the first to go. */
static void append_text(struct bytes *b, const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n > max) {
		n = max;
		while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
			n--;
	}
	bytes_append_u8(b, (uint8_t)n);
	bytes_append(b, text, n);
}

/* Closes what was gathered in b with key and signature, and moves it to out. */
static int finish(struct bytes *out, struct bytes *b, const struct identity *self)
{
	uint8_t sig[SIGNATURE_LEN];
	int rc = -1;

	bytes_append(b, identity_public_key(self), PUBLIC_KEY_LEN);
	if (!b->full && b->len + SIGNATURE_LEN <= ROSTER_ENTRY_MAX) {
		sign(self, entry_label, sizeof(entry_label), b->p, b->len, sig);
		bytes_append(b, sig, sizeof(sig));
		rc = bytes_append(out, b->p, b->len);
	}
	bytes_free(b);
	return rc;
}

int roster_entry_found(struct bytes *out, const struct identity *founder, const char *group_name, uint8_t flags,
                       const char *member_name, int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t nonce[NONCE_LEN];

	random_bytes(nonce, sizeof(nonce));
	start(&b, ENTRY_FOUND);
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, nonce, sizeof(nonce));
	bytes_append_u8(&b, flags);
	append_text(&b, group_name, GROUP_NAME_MAX);
	append_text(&b, member_name, MEMBER_NAME_MAX);
	return finish(out, &b, founder);
}

int roster_entry_add(struct bytes *out, const struct identity *owner, const struct group_id *group,
                     const struct agent_id *target, enum role role, const char *member_name, const uint8_t *named,
                     size_t nnamed, int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	start(&b, ENTRY_ADD);
	bytes_append(&b, group->b, sizeof(group->b));
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, target->b, sizeof(target->b));
	bytes_append_u8(&b, (uint8_t)role);
	append_text(&b, member_name, MEMBER_NAME_MAX);
	bytes_append_u8(&b, (uint8_t)nnamed);
	bytes_append(&b, named, nnamed * HASH_LEN);
	return finish(out, &b, owner);
}

int roster_entry_remove(struct bytes *out, const struct identity *signer, const struct group_id *group,
                        const struct agent_id *target, int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	start(&b, ENTRY_REMOVE);
	bytes_append(&b, group->b, sizeof(group->b));
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, target->b, sizeof(target->b));
	return finish(out, &b, signer);
}

void roster_entry_invite_statement(struct bytes *out, const struct group_id *group, enum role role, int64_t expires_s,
                                   const uint8_t invite_key[PUBLIC_KEY_LEN], const uint8_t issuer_key[PUBLIC_KEY_LEN])
{
	bytes_append(out, invite_label, sizeof(invite_label));
	bytes_append(out, group->b, sizeof(group->b));
	bytes_append_u8(out, (uint8_t)role);
	bytes_append_u64(out, (uint64_t)expires_s);
	bytes_append(out, invite_key, PUBLIC_KEY_LEN);
	bytes_append(out, issuer_key, PUBLIC_KEY_LEN);
}

int roster_entry_request(struct bytes *out, const struct invite *invite, const struct agent_id *joiner,
                         const char *member_name, const uint8_t binding[TLS_BINDING_LEN])
{
	struct bytes b = BYTES_INIT(JOIN_MAX);
	struct identity *bearer = identity_from_seed(invite->seed);
	uint8_t sig[SIGNATURE_LEN];
	int rc;

	start(&b, ENTRY_JOIN);
	bytes_append(&b, invite->group.b, sizeof(invite->group.b));
	bytes_append_u8(&b, (uint8_t)invite->role);
	bytes_append_u64(&b, (uint64_t)invite->expires_s);
	bytes_append(&b, identity_public_key(bearer), PUBLIC_KEY_LEN);
	bytes_append(&b, invite->issuer_key, PUBLIC_KEY_LEN);
	bytes_append(&b, invite->signature, SIGNATURE_LEN);
	bytes_append(&b, joiner->b, sizeof(joiner->b));
	append_text(&b, member_name, MEMBER_NAME_MAX);
	bytes_append(&b, binding, TLS_BINDING_LEN);
	sign(bearer, proof_label, sizeof(proof_label), b.p, b.len, sig);
	bytes_append(&b, sig, sizeof(sig));
	rc = bytes_append(out, b.p, b.len);
	bytes_free(&b);
	identity_free(bearer);
	return rc;
}

int roster_entry_join(struct bytes *out, const struct identity *admitter, const uint8_t *request, size_t n,
                      const uint8_t *named, size_t nnamed, int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	bytes_append(&b, request, n);
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append_u8(&b, (uint8_t)nnamed);
	bytes_append(&b, named, nnamed * HASH_LEN);
	return finish(out, &b, admitter);
}
