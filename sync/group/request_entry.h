/* One request to join without an invite, and one owner's answer: the bytes, the signatures and the confirmation code.
 * Any thread.
 *
 * The asker sends SHA-256(key, r), a member answers with a random salt s, the asker reveals r. The code is the first 40
 * bits of SHA-256(tag, key, r, s). An agent that tries for a certain code must commit before it knows s. So each try
 * needs an answer of a member, which counts them. */
#ifndef LANYARD_SYNC_GROUP_REQUEST_ENTRY_H
#define LANYARD_SYNC_GROUP_REQUEST_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "sync/group/identity.h"
#include "sync/group/roster.h"

enum {
	REQUEST_NONCE = 32,        /* bytes of r, of s, and of a commitment */
	REQUEST_MESSAGE_MAX = 200, /* bytes */
	REQUEST_ADDRESS_MAX = 63,
	REQUEST_ENTRY_MAX = 1024,
	REQUEST_CODE_TEXT = 10, /* "abcd-efgh" and NUL */
};

enum request_verdict {
	REQUEST_SEEN = 1,     /* an owner has looked at it */
	REQUEST_REJECTED = 2, /* this one, and all before it */
	REQUEST_BARRED = 3,   /* and all after it */
};

/* What an asker signs. */
struct request {
	struct group_tag tag;
	uint8_t key[PUBLIC_KEY_LEN]; /* the asker's */
	uint8_t r[REQUEST_NONCE], s[REQUEST_NONCE];
	struct agent_id giver; /* the member that gave s */
	uint64_t number;       /* greater than in its earlier requests */
	const char *name;      /* host name, cut to MEMBER_NAME_MAX; what is not printable is left out */
	const char *message;   /* the same, cut to REQUEST_MESSAGE_MAX */
};

void request_commit(uint8_t commitment[REQUEST_NONCE], const uint8_t key[PUBLIC_KEY_LEN],
                    const uint8_t r[REQUEST_NONCE]);
void request_code(char out[REQUEST_CODE_TEXT], const struct group_tag *tag, const uint8_t key[PUBLIC_KEY_LEN],
                  const uint8_t r[REQUEST_NONCE], const uint8_t s[REQUEST_NONCE]);
/* Whether text is this code, as somebody types it: dashes, spaces and case ignored. */
bool request_code_is(const char *text, const char code[REQUEST_CODE_TEXT]);

/* How many characters of an address, in numbers and without a port, one host has to itself: all of IPv4 and of
 * a link-local address, and of other IPv6 its network, the first 64 bits. */
size_t request_network(const char *address);

/* Appends the asker's part: the request and its signature. */
void request_sign(struct bytes *out, const struct request *q, const struct identity *asker);
/* Appends a whole entry: the asker's part as it came, where it came from and when, and the giver's signature over all
 * of that. -1 unless the part is well-formed. */
int request_vouch(struct bytes *out, const uint8_t *part, size_t n, const char *address, int64_t given_s,
                  const struct identity *giver);
/* Appends an owner's answer. */
void request_answer(struct bytes *out, const struct group_tag *tag, const struct agent_id *asker, uint64_t number,
                    enum request_verdict verdict, int64_t date_s, const struct identity *owner);

/* An entry or an asker's part, parsed. Texts and bytes are the entry's, not terminated. */
struct request_entry {
	bool is_answer;
	struct group_tag tag;
	struct agent_id asker, signer; /* signer: the giver, or the owner */
	uint64_t number;
	int64_t date_s; /* by the signer's clock */
	const uint8_t *signer_key;
	/* of a request */
	const uint8_t *key, *r, *s;
	const char *name, *message, *address;
	size_t name_n, message_n, address_n;
	size_t part_n; /* of the asker's part, which is first */
	/* of an answer */
	enum request_verdict verdict;
};
/* -1 for anything malformed. Checks no signature. */
int request_parse(struct request_entry *e, const uint8_t *p, size_t n);
int request_parse_part(struct request_entry *e, const uint8_t *p, size_t n);
/* Whether all signatures of a well-formed entry hold, or of an asker's part. */
bool request_signed(const uint8_t *p, size_t n);
bool request_part_signed(const uint8_t *p, size_t n);

#endif
