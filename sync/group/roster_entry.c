/* Entries as bytes, read: the fields, their order, and who signed which of them. docs/roster.md says the same in
 * prose; roster_write.c writes them. */
#include <string.h>

#include "base/sha256.h"
#include "sync/group/generation_entry.h"
#include "sync/group/roster_internal.h"

enum { SIGNED_TAIL = PUBLIC_KEY_LEN + SIGNATURE_LEN };

static const int64_t time_max = (int64_t)1 << 40;
static const uint64_t number_max = (uint64_t)1 << 62;

/* Prefixes of the bytes that are signed, so that a signature for one purpose is worth nothing for another. The NUL
 * is part of them. */
static const char entry_label[] = "lanyard roster entry 1";
static const char proof_label[] = "lanyard join 1";

static bool verify(const uint8_t *key, const char *label, size_t label_n, const uint8_t *p, size_t n,
                   const uint8_t *sig)
{
	uint8_t in[ROSTER_ENTRY_MAX + 64];

	memcpy(in, label, label_n);
	memcpy(in + label_n, p, n);
	return identity_verify(key, in, label_n + n, sig) == 0;
}

/* --- reading --- */

static void entry_read_id(struct reader *r, struct agent_id *id)
{
	const uint8_t *p = reader_take(r, sizeof(id->b));

	if (p != NULL)
		memcpy(id->b, p, sizeof(id->b));
}

/* The ID of the agent whose public key this is. */
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

static void entry_read_number(struct reader *r, struct roster_entry *e)
{
	e->number = reader_u64(r);
	if (e->number == 0 || e->number > number_max)
		r->bad = true;
}

/* A length byte and that many bytes, without NUL. */
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

static void entry_read_role(struct reader *r, struct roster_entry *e, enum role lowest)
{
	uint8_t role = reader_u8(r);

	if (role < lowest || role > ROLE_VAULT)
		r->bad = true;
	else
		e->role = (enum role)role;
}

static void entry_read_group(struct reader *r, struct roster_entry *e)
{
	const uint8_t *p = reader_take(r, sizeof(e->group.b));

	if (p != NULL)
		memcpy(e->group.b, p, sizeof(e->group.b));
}

static void read_found(struct reader *r, struct roster_entry *e)
{
	char name[GROUP_NAME_MAX + 1] = "";

	e->time_s = read_time(r);
	e->nonce = reader_take(r, ROSTER_NONCE_LEN);
	e->flags = reader_u8(r);
	e->group_name = read_text(r, GROUP_NAME_MAX, &e->group_name_n);
	e->member_name = read_text(r, MEMBER_NAME_MAX, &e->member_name_n);
	e->role = ROLE_OWNER;
	if (r->bad)
		return;
	memcpy(name, e->group_name, e->group_name_n);
	if ((e->flags & ~(ENTRY_HIDDEN | ENTRY_SEALED)) != 0 || !roster_name_valid(name))
		r->bad = true;
}

/* The common part of owners' statements: the signer's number, the date, the digest of its other statements. The
 * founder's first statement has number 1. */
static void read_statement(struct reader *r, struct roster_entry *e)
{
	entry_read_group(r, e);
	if (e->format == 1) {
		e->time_s = read_time(r);
		e->number = (uint64_t)e->time_s;
		return;
	}
	entry_read_number(r, e);
	e->time_s = read_time(r);
	e->statements = reader_take(r, HASH_LEN);
}

static void read_add(struct reader *r, struct roster_entry *e)
{
	static const struct agent_id none;

	read_statement(r, e);
	entry_read_id(r, &e->target);
	entry_read_role(r, e, ROLE_OWNER);
	e->member_name = read_text(r, MEMBER_NAME_MAX, &e->member_name_n);
	if (e->format > 1)
		entry_read_id(r, &e->invite);
	e->invited = !agent_id_equal(&e->invite, &none);
	read_named(r, e);
}

/* The name of an invite: the hash of what its issuer signed. */
static void name_invite(struct roster_entry *e, const uint8_t *key, const uint8_t *issuer_key)
{
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX);

	roster_entry_invite_statement(&statement,
	                              &(struct invite_terms){ .group = &e->group,
	                                                      .role = e->role,
	                                                      .expires_s = e->expires_s,
	                                                      .uses = e->uses,
	                                                      .key = key,
	                                                      .issuer_key = issuer_key },
	                              e->format);
	sha256(e->invite.b, statement.p, statement.len);
	bytes_free(&statement);
}

static void read_request(struct reader *r, struct roster_entry *e)
{
	const uint8_t *key, *issuer_key;

	entry_read_group(r, e);
	entry_read_role(r, e, ROLE_MEMBER); /* an invite cannot make an owner */
	e->expires_s = read_time(r);
	e->uses = e->format > 1 ? reader_u32(r) : INVITE_OLD_USES;
	if (e->uses == 0 || e->uses > INVITE_MAX_USES)
		r->bad = true;
	key = reader_take(r, PUBLIC_KEY_LEN);
	issuer_key = reader_take(r, PUBLIC_KEY_LEN);
	reader_take(r, SIGNATURE_LEN);
	/* A key instead of an ID, so that nobody can make up an ID that begins like another's. */
	if (e->format > 1)
		read_key(r, &e->target);
	else
		entry_read_id(r, &e->target);
	e->member_name = read_text(r, MEMBER_NAME_MAX, &e->member_name_n);
	e->binding = reader_take(r, TLS_BINDING_LEN);
	reader_take(r, SIGNATURE_LEN);
	if (r->bad)
		return;
	identity_id_of_key(&e->issuer, issuer_key);
	e->invited = true;
	name_invite(e, key, issuer_key);
}

static void read_join(struct reader *r, struct roster_entry *e)
{
	read_request(r, e);
	e->time_s = read_time(r);
	read_named(r, e);
	if (e->time_s > e->expires_s)
		r->bad = true;
}

/* In format 1 a removal of oneself was a leave; see roster_entry_parse(). */
static void read_remove(struct reader *r, struct roster_entry *e)
{
	read_statement(r, e);
	entry_read_id(r, &e->target);
}

static void read_leave(struct reader *r, struct roster_entry *e)
{
	uint8_t flags;

	entry_read_group(r, e);
	entry_read_number(r, e);
	e->time_s = read_time(r);
	flags = reader_u8(r);
	e->abandon = flags == 1;
	if (flags > 1)
		r->bad = true;
}

/* The slot is its subject, so that a later note of the same signer takes its place. */
static void read_note(struct reader *r, struct roster_entry *e)
{
	const uint8_t *key, *issuer_key;
	uint8_t slot;

	entry_read_group(r, e);
	entry_read_number(r, e);
	e->time_s = read_time(r);
	slot = reader_u8(r);
	entry_read_role(r, e, ROLE_MEMBER);
	e->expires_s = read_time(r);
	e->uses = reader_u32(r);
	key = reader_take(r, PUBLIC_KEY_LEN);
	if (slot >= INVITE_SLOTS || e->uses == 0 || e->uses > INVITE_MAX_USES)
		r->bad = true;
	if (r->bad || reader_left(r) != SIGNED_TAIL) {
		r->bad = true;
		return;
	}
	issuer_key = r->p; /* its signer's */
	e->target.b[sizeof(e->target.b) - 1] = slot;
	identity_id_of_key(&e->issuer, issuer_key);
	e->invited = true;
	name_invite(e, key, issuer_key);
}

/* It is about the group, so that all generations are in one list. */
static void read_gen(struct reader *r, struct roster_entry *e)
{
	struct generation g;

	entry_read_group(r, e);
	e->time_s = read_time(r);
	e->said = r->p;
	generation_entry_read(r, &g);
	e->said_n = (size_t)(r->p - e->said);
	memcpy(e->target.b, e->group.b, sizeof(e->target.b));
}

static void read_box(struct reader *r, struct roster_entry *e)
{
	entry_read_group(r, e);
	e->time_s = read_time(r);
	e->number = (uint64_t)e->time_s;
	e->said = reader_take(r, BOX_KEY_LEN);
	e->said_n = BOX_KEY_LEN;
}

/* By kind. Each reads up to the signer's key. */
static void (*const read_body[])(struct reader *r, struct roster_entry *e) = {
	[ENTRY_FOUND] = read_found,   [ENTRY_ADD] = read_add,     [ENTRY_JOIN] = read_join,
	[ENTRY_REMOVE] = read_remove, [ENTRY_LEAVE] = read_leave, [ENTRY_REVOKE] = read_remove,
	[ENTRY_INVITE] = read_note,   [ENTRY_GEN] = read_gen,     [ENTRY_BOX] = read_box,
};

static int read_start(struct reader *r, struct roster_entry *e)
{
	uint8_t format, kind;

	memset(e, 0, sizeof(*e));
	format = reader_u8(r);
	kind = reader_u8(r);
	/* A founding entry's bytes are the group's name, and have never changed. */
	if (format < 1 || format > 2 || kind < ENTRY_FOUND || kind > (format == 1 ? ENTRY_REMOVE : ENTRY_BOX) ||
	    (format == 2 && kind == ENTRY_FOUND))
		return -1;
	e->format = format;
	e->kind = (enum entry_kind)kind;
	return 0;
}

/* Fields that describe the entry's own signer. */
static int about_itself(struct roster_entry *e)
{
	bool self = agent_id_equal(&e->target, &e->signer);

	if (e->kind == ENTRY_FOUND || e->kind == ENTRY_LEAVE || e->kind == ENTRY_BOX) {
		e->target = e->signer;
		return 0;
	}
	if (!self)
		return 0;
	/* Nobody adds itself, neither as an owner nor as the member that honours its own invite. */
	if (e->kind != ENTRY_REMOVE || e->format != 1)
		return -1;
	e->kind = ENTRY_LEAVE;
	e->abandon = true;
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
		e->number = 1;
	}
	return about_itself(e);
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

/* Offsets of a request's signed parts, in bytes that are known to be well-formed. */
bool roster_entry_request_signed(const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p + 2, n - 2);
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct roster_entry e = { .format = p[0] };
	struct invite_terms terms = { .group = &e.group };
	const uint8_t *issuer_sig, *proof;
	bool good;

	entry_read_group(&r, &e);
	entry_read_role(&r, &e, ROLE_MEMBER);
	terms.role = e.role;
	terms.expires_s = read_time(&r);
	terms.uses = e.format > 1 ? reader_u32(&r) : 0;
	terms.key = reader_take(&r, PUBLIC_KEY_LEN);
	terms.issuer_key = reader_take(&r, PUBLIC_KEY_LEN);
	issuer_sig = reader_take(&r, SIGNATURE_LEN);
	reader_take(&r, sizeof(e.target.b));
	read_text(&r, MEMBER_NAME_MAX, &e.member_name_n);
	reader_take(&r, TLS_BINDING_LEN);
	proof = reader_take(&r, SIGNATURE_LEN);
	if (r.bad)
		return false;
	roster_entry_invite_statement(&statement, &terms, e.format);
	good = identity_verify(terms.issuer_key, statement.p, statement.len, issuer_sig) == 0 &&
	       verify(terms.key, proof_label, sizeof(proof_label), p, (size_t)(proof - p), proof);
	bytes_free(&statement);
	return good;
}

/* The offset at which the request inside a JOIN entry ends. */
static size_t request_len(const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p + 2, n - 2);
	struct roster_entry e;

	memset(&e, 0, sizeof(e));
	e.format = p[0];
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
