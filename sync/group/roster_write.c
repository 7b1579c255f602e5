/* Entries as bytes, written; roster_entry.c reads them. */
#include <string.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "sync/group/generation_entry.h"
#include "sync/group/roster_internal.h"

enum { FORMAT_FOUND = 1, FORMAT = 2 };

/* As in roster_entry.c: the NUL is part of what is signed. */
static const char entry_label[] = "lanyard roster entry 1";
static const char *const invite_labels[] = { NULL, "lanyard invite 1", "lanyard invite 2" };
static const char proof_label[] = "lanyard join 1";

static void sign(const struct identity *self, const char *label, size_t label_n, const uint8_t *p, size_t n,
                 uint8_t sig[SIGNATURE_LEN])
{
	uint8_t in[ROSTER_ENTRY_MAX + 64];

	memcpy(in, label, label_n);
	memcpy(in + label_n, p, n);
	identity_sign(self, in, label_n + n, sig);
}

static void write_begin(struct bytes *b, enum entry_kind kind)
{
	bytes_append_u8(b, kind == ENTRY_FOUND ? FORMAT_FOUND : FORMAT);
	bytes_append_u8(b, (uint8_t)kind);
}

static void start_statement(struct bytes *b, enum entry_kind kind, const struct group_id *group,
                            const struct roster_statement *statement, const struct agent_id *target)
{
	write_begin(b, kind);
	bytes_append(b, group->b, sizeof(group->b));
	bytes_append_u64(b, statement->number);
	bytes_append_u64(b, (uint64_t)statement->time_s);
	bytes_append(b, statement->statements, sizeof(statement->statements));
	bytes_append(b, target->b, sizeof(target->b));
}

/* Cuts between characters: a byte that continues one is never the first to go. */
static void write_text(struct bytes *b, const char *text, size_t max)
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
static int write_end(struct bytes *out, struct bytes *b, const struct identity *self)
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
                       const char *member_name, int64_t time_s, const uint8_t *nonce)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t random[ROSTER_NONCE_LEN];

	random_bytes(random, sizeof(random));
	write_begin(&b, ENTRY_FOUND);
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, nonce != NULL ? nonce : random, sizeof(random));
	bytes_append_u8(&b, flags);
	write_text(&b, group_name, GROUP_NAME_MAX);
	write_text(&b, member_name, MEMBER_NAME_MAX);
	return write_end(out, &b, founder);
}

int roster_entry_add(struct bytes *out, const struct identity *owner, const struct group_id *group,
                     const struct roster_statement *statement, const struct statement_add *add)
{
	static const struct agent_id none;
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	start_statement(&b, ENTRY_ADD, group, statement, add->target);
	bytes_append_u8(&b, (uint8_t)add->role);
	write_text(&b, add->member_name, MEMBER_NAME_MAX);
	bytes_append(&b, add->invite != NULL ? add->invite->b : none.b, sizeof(none.b));
	bytes_append_u8(&b, (uint8_t)add->nnamed);
	bytes_append(&b, add->named, add->nnamed * HASH_LEN);
	return write_end(out, &b, owner);
}

int roster_entry_remove(struct bytes *out, const struct identity *owner, const struct group_id *group,
                        const struct roster_statement *statement, const struct agent_id *target)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	start_statement(&b, ENTRY_REMOVE, group, statement, target);
	return write_end(out, &b, owner);
}

int roster_entry_revoke(struct bytes *out, const struct identity *owner, const struct group_id *group,
                        const struct roster_statement *statement, const struct agent_id *invite)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	start_statement(&b, ENTRY_REVOKE, group, statement, invite);
	return write_end(out, &b, owner);
}

int roster_entry_invite(struct bytes *out, const struct identity *owner, const struct invite_note *note)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	write_begin(&b, ENTRY_INVITE);
	bytes_append(&b, note->invite->group.b, sizeof(note->invite->group.b));
	bytes_append_u64(&b, note->number);
	bytes_append_u64(&b, (uint64_t)note->time_s);
	bytes_append_u8(&b, note->slot);
	bytes_append_u8(&b, (uint8_t)note->invite->role);
	bytes_append_u64(&b, (uint64_t)note->invite->expires_s);
	bytes_append_u32(&b, note->invite->uses);
	bytes_append(&b, note->key, PUBLIC_KEY_LEN);
	return write_end(out, &b, owner);
}

int roster_entry_leave(struct bytes *out, const struct identity *signer, const struct group_id *group, uint64_t number,
                       bool abandon, int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	write_begin(&b, ENTRY_LEAVE);
	bytes_append(&b, group->b, sizeof(group->b));
	bytes_append_u64(&b, number);
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append_u8(&b, abandon);
	return write_end(out, &b, signer);
}

int roster_entry_gen(struct bytes *out, const struct identity *signer, const struct group_id *group,
                     struct generation *g, int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);
	size_t at = out->len;

	write_begin(&b, ENTRY_GEN);
	bytes_append(&b, group->b, sizeof(group->b));
	bytes_append_u64(&b, (uint64_t)time_s);
	if (generation_entry_write(&b, g) < 0) {
		bytes_free(&b);
		return -1;
	}
	if (write_end(out, &b, signer) < 0)
		return -1;
	g->signer = *identity_id(signer);
	sha256(g->name, out->p + at, out->len - at);
	return 0;
}

int roster_entry_box(struct bytes *out, const struct identity *signer, const struct group_id *group,
                     const uint8_t key[BOX_KEY_LEN], int64_t time_s)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	write_begin(&b, ENTRY_BOX);
	bytes_append(&b, group->b, sizeof(group->b));
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, key, BOX_KEY_LEN);
	return write_end(out, &b, signer);
}

void roster_entry_invite_statement(struct bytes *out, const struct invite_terms *terms, int format)
{
	const char *label = invite_labels[format];

	bytes_append(out, label, strlen(label) + 1);
	bytes_append(out, terms->group->b, sizeof(terms->group->b));
	bytes_append_u8(out, (uint8_t)terms->role);
	bytes_append_u64(out, (uint64_t)terms->expires_s);
	if (format > 1)
		bytes_append_u32(out, terms->uses);
	bytes_append(out, terms->key, PUBLIC_KEY_LEN);
	bytes_append(out, terms->issuer_key, PUBLIC_KEY_LEN);
}

/* The throw-away key signs everything before the signature, the connection's binding included, so the request is
 * worth nothing elsewhere. */
int roster_entry_request(struct bytes *out, const struct invite *invite, const struct identity *joiner,
                         const char *member_name, const uint8_t binding[TLS_BINDING_LEN])
{
	struct bytes b = BYTES_INIT(JOIN_MAX);
	struct identity *bearer = identity_from_seed(invite->seed);
	uint8_t sig[SIGNATURE_LEN];
	int rc;

	write_begin(&b, ENTRY_JOIN);
	bytes_append(&b, invite->group.b, sizeof(invite->group.b));
	bytes_append_u8(&b, (uint8_t)invite->role);
	bytes_append_u64(&b, (uint64_t)invite->expires_s);
	bytes_append_u32(&b, invite->uses);
	bytes_append(&b, identity_public_key(bearer), PUBLIC_KEY_LEN);
	bytes_append(&b, invite->issuer_key, PUBLIC_KEY_LEN);
	bytes_append(&b, invite->signature, SIGNATURE_LEN);
	bytes_append(&b, identity_public_key(joiner), PUBLIC_KEY_LEN);
	write_text(&b, member_name, MEMBER_NAME_MAX);
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
	return write_end(out, &b, admitter);
}
