/* Invites: a token that lets its bearer in until it expires, through any member, with every owner away. The token holds
 * the group's ID and name, a throw-away private key, an owner's signature over that key, role and expiry, and a few addresses
 * where a member may be found. The bearer proves possession of the throw-away key for one TLS connection and one
 * agent ID; the member that admits it adds its own signature and the time, so everybody can check afterwards. */
#ifndef LANYARD_SYNC_GROUP_INVITE_H
#define LANYARD_SYNC_GROUP_INVITE_H

#include "sync/group/roster.h"

enum {
	INVITE_TOKEN_MAX = 1024,
	INVITE_MAX_ADDRESSES = 8,
	INVITE_ADDRESS_MAX = 80,
	JOIN_MAX = 2048,
	TLS_BINDING_LEN = 32
};

struct invite {
	struct group_id group;
	char group_name[GROUP_NAME_MAX + 1];
	enum role role;
	int64_t expires_s;
	uint8_t seed[32]; /* the throw-away key */
	uint8_t issuer_key[PUBLIC_KEY_LEN];
	uint8_t signature[SIGNATURE_LEN]; /* the issuer's, over all of the above but seed and name */
	char addresses[INVITE_MAX_ADDRESSES][INVITE_ADDRESS_MAX]; /* HOST:PORT hints */
	size_t naddresses;
};

/* Signs a new invite. -1 when self is no owner. role: member, reader or vault. */
int invite_make(struct invite *invite, const struct roster *r, const struct identity *self, enum role role,
                int64_t expires_s);
/* "lanyard1-" and base64url with a checksum, so a truncated paste is told apart from a false one. Fresh text. */
char *invite_token(const struct invite *invite);
enum invite_parse { INVITE_OK, INVITE_NOT_A_TOKEN, INVITE_DAMAGED, INVITE_BAD_SIGNATURE };
/* Surrounding white space is ignored. Expiry is not looked at. */
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
	ADMIT_NO_AUTHORITY, /* the issuer is no owner (any more), or we are no member */
	ADMIT_REMOVED,      /* an owner removed this agent */
	ADMIT_FULL
};
/* A member's answer: checks the request of `peer` (the ID that TLS proved) and adds its entry to the roster; the entry's bytes
 * are appended to out. */
enum admit invite_admit(struct roster *r, const struct identity *self, const struct agent_id *peer,
                        const uint8_t *request, size_t n, const uint8_t binding[TLS_BINDING_LEN], int64_t now_s,
                        struct bytes *out);
const char *admit_text(enum admit a); /* for logs and for the refused joiner */

#endif
