/* Invites: the token as text, the bearer's request, the member's answer. See invite.h; roster_entry.c knows the
 * bytes of request and entry. */
#include "sync/group/invite.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

static const char prefix[] = "lanyard1-";

/* What stands behind all else in the token of a sealed group. Versions of before sealed groups take it for the token of
 * another version; the group's ID says it to all others. */
enum { TOKEN_SEALED = 1 };

enum { PREFIX_LEN = sizeof(prefix) - 1, CHECKSUM_LEN = 4, TOKEN_BYTES_MAX = (INVITE_TOKEN_MAX - PREFIX_LEN) * 3 / 4 };

static const int64_t expires_max = (int64_t)1 << 40;

/* The bytes that the issuer signs. */
static void state(struct bytes *out, const struct invite *invite, const struct identity *bearer)
{
	roster_entry_invite_statement(out,
	                              &(struct invite_terms){ .group = &invite->group,
	                                                      .role = invite->role,
	                                                      .expires_s = invite->expires_s,
	                                                      .uses = invite->uses,
	                                                      .key = identity_public_key(bearer),
	                                                      .issuer_key = invite->issuer_key },
	                              2);
}

static bool signature_holds(const struct invite *invite)
{
	struct identity *bearer = identity_from_seed(invite->seed);
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX);
	bool holds;

	state(&statement, invite, bearer);
	holds = identity_verify(invite->issuer_key, statement.p, statement.len, invite->signature) == 0;
	bytes_free(&statement);
	identity_free(bearer);
	return holds;
}

/* The key pair in the token is made for this invite alone: its bearer signs with it, so the owner's key never
 * leaves home. */
int invite_make(struct invite *invite, const struct roster *r, const struct identity *self, enum role role,
                uint32_t uses, int64_t expires_s)
{
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct identity *bearer;

	if (!roster_may(r, identity_id(self), RIGHT_INVITE) || role < ROLE_MEMBER || role > ROLE_VAULT || uses == 0 ||
	    uses > INVITE_MAX_USES || expires_s < 0 || expires_s > expires_max)
		return -1;
	memset(invite, 0, sizeof(*invite));
	bearer = identity_new();
	invite->group = *roster_group(r);
	snprintf(invite->group_name, sizeof(invite->group_name), "%s", roster_name(r));
	invite->role = role;
	invite->sealed = roster_sealed(r);
	invite->expires_s = expires_s;
	invite->uses = uses;
	invite->nmarks = roster_marks(r, invite->marks);
	identity_seed(bearer, invite->seed);
	memcpy(invite->issuer_key, identity_public_key(self), PUBLIC_KEY_LEN);
	state(&statement, invite, bearer);
	identity_sign(self, statement.p, statement.len, invite->signature);
	bytes_free(&statement);
	identity_free(bearer);
	return 0;
}

void invite_name(struct agent_id *name, const struct invite *invite)
{
	struct identity *bearer = identity_from_seed(invite->seed);
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX);

	state(&statement, invite, bearer);
	sha256(name->b, statement.p, statement.len);
	bytes_free(&statement);
	identity_free(bearer);
}

/* --- the token --- */

static void append_short(struct bytes *b, const char *text)
{
	size_t n = strlen(text);

	bytes_append_u8(b, (uint8_t)n);
	bytes_append(b, text, n);
}

/* Addresses that would make the token too long are left out: they are only hints. */
static void append_addresses(struct bytes *b, const struct invite *invite)
{
	struct bytes list = BYTES_INIT(TOKEN_BYTES_MAX - CHECKSUM_LEN - 1 - invite->sealed - b->len);
	uint8_t n = 0;

	for (size_t i = 0; i < invite->naddresses && i < INVITE_MAX_ADDRESSES; i++) {
		if (list.len + 1 + strlen(invite->addresses[i]) > list.max)
			continue;
		append_short(&list, invite->addresses[i]);
		n++;
	}
	bytes_append_u8(b, n);
	bytes_append(b, list.p, list.len);
	bytes_free(&list);
}

static void append_marks(struct bytes *b, const struct invite *invite)
{
	bytes_append_u8(b, (uint8_t)invite->nmarks);
	for (size_t i = 0; i < invite->nmarks; i++) {
		bytes_append_u64(b, invite->marks[i].owner);
		bytes_append_u64(b, invite->marks[i].number);
	}
}

/* Group, role, expiry and uses in the order in which the issuer signed them; hints that may be left out come last. */
char *invite_token(const struct invite *invite)
{
	struct bytes b = BYTES_INIT(TOKEN_BYTES_MAX);
	uint8_t hash[SHA256_SIZE];
	char *token = mem_calloc(1, INVITE_TOKEN_MAX + 1);

	bytes_append(&b, invite->group.b, sizeof(invite->group.b));
	bytes_append_u8(&b, (uint8_t)invite->role);
	bytes_append_u64(&b, (uint64_t)invite->expires_s);
	bytes_append_u32(&b, invite->uses);
	bytes_append(&b, invite->seed, sizeof(invite->seed));
	bytes_append(&b, invite->issuer_key, PUBLIC_KEY_LEN);
	bytes_append(&b, invite->signature, SIGNATURE_LEN);
	append_short(&b, invite->group_name);
	append_marks(&b, invite);
	append_addresses(&b, invite);
	if (invite->sealed)
		bytes_append_u8(&b, TOKEN_SEALED);
	sha256(hash, b.p, b.len);
	bytes_append(&b, hash, CHECKSUM_LEN);
	memcpy(token, prefix, PREFIX_LEN);
	base64url_encode(token + PREFIX_LEN, b.p, b.len);
	OPENSSL_cleanse(b.p, b.len);
	bytes_free(&b);
	return token;
}

static void token_take(struct reader *r, void *to, size_t n)
{
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		memcpy(to, p, n);
}

static void take_short(struct reader *r, char *to, size_t max)
{
	size_t n = reader_u8(r);
	const uint8_t *p = reader_take(r, n);

	if (p == NULL || n > max || memchr(p, '\0', n) != NULL)
		r->bad = true;
	else
		memcpy(to, p, n);
}

/* Addresses are shown to people and handed to a resolver: plain characters only. */
static bool address_is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static int read_addresses(struct invite *invite, struct reader *r)
{
	invite->naddresses = reader_u8(r);
	if (invite->naddresses > INVITE_MAX_ADDRESSES)
		return -1;
	for (size_t i = 0; i < invite->naddresses; i++) {
		take_short(r, invite->addresses[i], INVITE_ADDRESS_MAX - 1);
		if (!address_is_plain(invite->addresses[i]))
			return -1;
	}
	return 0;
}

static int read_marks(struct invite *invite, struct reader *r)
{
	invite->nmarks = reader_u8(r);
	if (invite->nmarks > ROSTER_MAX_OWNERS)
		return -1;
	for (size_t i = 0; i < invite->nmarks; i++) {
		invite->marks[i].owner = reader_u64(r);
		invite->marks[i].number = reader_u64(r);
	}
	return 0;
}

/* Every bound that invite_make() keeps is checked here too, since anybody can write a token. */
static int read_token(struct invite *invite, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);
	uint8_t role;
	uint64_t expires;

	token_take(&r, invite->group.b, sizeof(invite->group.b));
	role = reader_u8(&r);
	expires = reader_u64(&r);
	invite->uses = reader_u32(&r);
	token_take(&r, invite->seed, sizeof(invite->seed));
	token_take(&r, invite->issuer_key, PUBLIC_KEY_LEN);
	token_take(&r, invite->signature, SIGNATURE_LEN);
	take_short(&r, invite->group_name, GROUP_NAME_MAX);
	if (role < ROLE_MEMBER || role > ROLE_VAULT || expires > (uint64_t)expires_max || invite->uses == 0 ||
	    invite->uses > INVITE_MAX_USES || !roster_name_valid(invite->group_name))
		return -1;
	invite->role = (enum role)role;
	invite->expires_s = (int64_t)expires;
	if (read_marks(invite, &r) < 0 || read_addresses(invite, &r) < 0)
		return -1;
	invite->sealed = reader_left(&r) > 0;
	if (invite->sealed && reader_u8(&r) != TOKEN_SEALED)
		return -1;
	return r.bad || reader_left(&r) != 0 ? -1 : 0;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The checksum comes before the fields, so that a damaged token is not taken for one of another version. */
enum invite_parse invite_parse(struct invite *invite, const char *text)
{
	uint8_t bytes[TOKEN_BYTES_MAX];
	uint8_t hash[SHA256_SIZE];
	size_t n;
	int decoded;

	memset(invite, 0, sizeof(*invite));
	while (is_space(*text))
		text++;
	if (strncmp(text, prefix, PREFIX_LEN) != 0)
		return INVITE_NOT_A_TOKEN;
	text += PREFIX_LEN;
	n = strnlen(text, 2 * INVITE_TOKEN_MAX);
	while (n > 0 && is_space(text[n - 1]))
		n--;
	decoded = base64url_decode(bytes, sizeof(bytes), text, n);
	if (decoded < CHECKSUM_LEN)
		return INVITE_DAMAGED;
	n = (size_t)decoded - CHECKSUM_LEN;
	sha256(hash, bytes, n);
	if (memcmp(hash, bytes + n, CHECKSUM_LEN) != 0)
		return INVITE_DAMAGED;
	if (read_token(invite, bytes, n) < 0)
		return INVITE_OTHER_VERSION;
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return signature_holds(invite) ? INVITE_OK : INVITE_BAD_SIGNATURE;
}

/* --- request and answer --- */

int invite_request(const struct invite *invite, const struct identity *joiner, const char *member_name,
                   const uint8_t binding[TLS_BINDING_LEN], struct bytes *out)
{
	return roster_entry_request(out, invite, joiner, member_name, binding);
}

bool invite_request_signed(const uint8_t *request, size_t n)
{
	struct roster_entry e;

	return roster_entry_parse_request(&e, request, n) == 0 && roster_entry_request_signed(request, n);
}

/* Checks that need no roster. */
static enum admit judge_request(const struct roster *r, const struct invite_bearer *bearer,
                                const struct roster_entry *e, int64_t now_s)
{
	if (!group_id_equal(&e->group, roster_group(r)))
		return ADMIT_WRONG_GROUP;
	/* A request that another agent made, or for another connection, does not prove who is here. */
	if (!agent_id_equal(&e->target, bearer->peer) || memcmp(e->binding, bearer->binding, TLS_BINDING_LEN) != 0)
		return ADMIT_BAD_SIGNATURE;
	return now_s > e->expires_s ? ADMIT_EXPIRED : ADMIT_OK;
}

/* Checks against the roster. */
static enum admit judge_bearer(const struct roster *r, const struct agent_id *peer, const struct roster_entry *e)
{
	const struct roster_agent *known = roster_agent_find(r, peer), *invite = roster_agent_find(r, &e->invite);

	if (roster_may(r, peer, RIGHT_TAKE_PART))
		return ADMIT_ALREADY;
	if (known != NULL && roster_weigh_removed(known))
		return ADMIT_REMOVED;
	if (!roster_may(r, &e->issuer, RIGHT_INVITE) || (invite != NULL && invite->revoked))
		return ADMIT_NO_AUTHORITY;
	if (invite != NULL && invite->used >= e->uses && (known == NULL || !roster_weigh_came_by(known, invite, NULL)))
		return ADMIT_USED_UP;
	return roster_has_room(r, peer, e->role) ? ADMIT_OK : ADMIT_FULL;
}

/* A member's admission, which names the leave that it supersedes. */
static int add_join(struct roster *r, const struct identity *self, const struct invite_bearer *bearer, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t named[ENTRY_NAMED_MAX * HASH_LEN];
	size_t nnamed = roster_name_leaves(roster_agent_find(r, bearer->peer), named);
	int rc = roster_entry_join(&entry, self, bearer->request, bearer->n, named, nnamed, now_s);

	if (rc == 0)
		rc = roster_add(r, entry.p, entry.len) == ROSTER_ADDED ? 0 : -1;
	bytes_free(&entry);
	return rc;
}

/* Appends the entry by which peer became a member just now. */
static void append_entry(const struct roster *r, const struct agent_id *peer, struct bytes *out)
{
	const struct view_member *m = roster_view_find(r, peer);

	if (m != NULL)
		bytes_append(out, m->by->bytes, m->by->n);
}

/* Cheap questions first; the roster is asked only about a request whose signatures hold. An owner's own addition is
 * final; a member's admission counts until an owner decides, and each member has room for a bounded number of them. */
enum admit invite_admit(struct roster *r, const struct identity *self, const struct invite_bearer *bearer,
                        int64_t now_s, struct bytes *out)
{
	const struct roster_agent *admitter = roster_agent_find(r, identity_id(self));
	bool owner = roster_may(r, identity_id(self), RIGHT_OWN);
	char name[MEMBER_NAME_MAX + 1] = "";
	struct roster_entry e;
	struct statement_add add = { .target = bearer->peer, .member_name = name, .invite = &e.invite };
	enum admit answer;
	int rc;

	if (roster_entry_parse_request(&e, bearer->request, bearer->n) < 0)
		return ADMIT_MALFORMED;
	answer = judge_request(r, bearer, &e, now_s);
	if (answer == ADMIT_OK && !bearer->checked && !roster_entry_request_signed(bearer->request, bearer->n))
		answer = ADMIT_BAD_SIGNATURE;
	if (answer == ADMIT_OK)
		answer = judge_bearer(r, bearer->peer, &e);
	if (answer != ADMIT_OK)
		return answer;
	if (admitter == NULL || !admitter->admits || (!owner && admitter->njoins >= ADMITTER_MAX_JOINS))
		return ADMIT_NOT_HERE;
	memcpy(name, e.member_name, e.member_name_n);
	add.role = e.role;
	rc = owner ? roster_sign_add(r, self, &add, now_s) : add_join(r, self, bearer, now_s);
	roster_settle(r);
	if (rc < 0 || !roster_may(r, bearer->peer, RIGHT_TAKE_PART))
		return ADMIT_FULL;
	append_entry(r, bearer->peer, out);
	return ADMIT_OK;
}

static const char *const admit_texts[] = {
	[ADMIT_OK] = "admitted",
	[ADMIT_ALREADY] = "already a member",
	[ADMIT_MALFORMED] = "the request is malformed",
	[ADMIT_WRONG_GROUP] = "the invite is for another group",
	[ADMIT_EXPIRED] = "the invite has expired; ask for a new one",
	[ADMIT_BAD_SIGNATURE] = "the invite is not genuine",
	[ADMIT_NO_AUTHORITY] = "the invite was revoked, or its signer is not an owner of the group (any more)",
	[ADMIT_REMOVED] = "an owner has removed this agent; only an owner can add it again",
	[ADMIT_USED_UP] = "the invite is used up; ask for a new one",
	[ADMIT_NOT_HERE] = "this member cannot admit anybody now; another one can",
	[ADMIT_FULL] = "the group is full",
};

const char *invite_admit_text(enum admit a)
{
	return admit_texts[a];
}
