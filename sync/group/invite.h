/* Invites: a token that lets its bearer in, until it expires or is used up, through any member, even if every owner
 * is away. The token holds the group's ID and name; a throw-away private key; an owner's signature over that key,
 * the role, the expiry and the uses; how far the group's roster had come; and a few addresses where a member may be
 * found. The bearer proves that it has the throw-away key, for one TLS connection and one agent ID. The member that
 * admits it adds its own signature and the time, so everybody can check afterwards. */
#ifndef LANYARD_SYNC_GROUP_INVITE_H
#define LANYARD_SYNC_GROUP_INVITE_H

#include "sync/group/roster.h"

enum {
	INVITE_TOKEN_MAX = 1024,
	INVITE_MAX_ADDRESSES = 8,
	INVITE_USES = 100, /* agents that one invite lets in by default */
	INVITE_MAX_USES = 1024,
	INVITE_ADDRESS_MAX = 80,
	JOIN_MAX = 2048,
	TLS_BINDING_LEN = 32
};

struct invite {
	struct group_id group;
	char group_name[GROUP_NAME_MAX + 1];
	enum role role;
	int64_t expires_s;
	uint32_t uses;    /* agents that it lets in */
	uint8_t seed[32]; /* the throw-away key */
	uint8_t issuer_key[PUBLIC_KEY_LEN];
	uint8_t signature
		[SIGNATURE_LEN]; /* the issuer's, over all of the above except seed (its public key instead) and name */
	char addresses[INVITE_MAX_ADDRESSES][INVITE_ADDRESS_MAX]; /* HOST:PORT hints */
	size_t naddresses;
	bool sealed;                                 /* the group is; nothing is decided by this (see invite.c) */
	struct roster_mark marks[ROSTER_MAX_OWNERS]; /* what a roster must show to be believed */
	size_t nmarks;
};

/* Signs a new invite. -1 when self may not invite. role: member, reader or vault. uses: 1 to INVITE_MAX_USES. */
int invite_make(struct invite *invite, const struct roster *r, const struct identity *self, enum role role,
                uint32_t uses, int64_t expires_s);
/* Its name: the hash of what its issuer signed. */
void invite_name(struct agent_id *name, const struct invite *invite);
/* "lanyard1-" and base64url with a checksum, so that a truncated paste is distinguished from a forged token. Fresh
 * text. */
char *invite_token(const struct invite *invite);
enum invite_parse { INVITE_OK, INVITE_NOT_A_TOKEN, INVITE_OTHER_VERSION, INVITE_DAMAGED, INVITE_BAD_SIGNATURE };
/* Ignores white space around the token. Does not check the expiry. OTHER_VERSION: whole, but not as this version
 * writes tokens. */
enum invite_parse invite_parse(struct invite *invite, const char *text);

/* The bearer's request, for one connection: binding is what both ends get from the TLS exporter. At most JOIN_MAX. */
int invite_request(const struct invite *invite, const struct identity *joiner, const char *member_name,
                   const uint8_t binding[TLS_BINDING_LEN], struct bytes *out);

enum admit {
	ADMIT_OK,
	ADMIT_ALREADY,
	ADMIT_MALFORMED,
	ADMIT_WRONG_GROUP,
	ADMIT_EXPIRED,
	ADMIT_BAD_SIGNATURE,
	ADMIT_NO_AUTHORITY, /* the issuer is not an owner (any more), or took the invite back */
	ADMIT_REMOVED,      /* an owner removed this agent */
	ADMIT_USED_UP,
	ADMIT_NOT_HERE, /* this member cannot: no owner has confirmed it yet, or it has admitted as many as it may */
	ADMIT_FULL
};
/* A joiner, as it shows itself on a connection. */
struct invite_bearer {
	const struct agent_id *peer; /* the ID that TLS proved */
	const uint8_t *request;      /* n bytes */
	size_t n;
	const uint8_t *binding; /* the connection's: TLS_BINDING_LEN bytes */
	bool checked;           /* invite_request_signed() said so */
};
/* A member's answer: checks the request and adds the peer to the roster, by a member's admission or an owner's
 * addition; that entry's bytes are appended to out. */
enum admit invite_admit(struct roster *r, const struct identity *self, const struct invite_bearer *bearer,
                        int64_t now_s, struct bytes *out);
/* Whether a request is well-formed and its signatures hold (0.2 ms: for a worker; any thread). */
bool invite_request_signed(const uint8_t *request, size_t n);
const char *invite_admit_text(enum admit a); /* for logs and for the refused joiner */

#endif
