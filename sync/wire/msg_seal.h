/* The messages of sealed groups: keys, heads, and what vaults and members tell one another. docs/sealed.md and
 * docs/protocol.md, "Sealed groups". What is sealed in them is bytes here. Borrowing, limits and results are as in
 * msg.h. Pure. */
#ifndef LANYARD_SYNC_WIRE_MSG_SEAL_H
#define LANYARD_SYNC_WIRE_MSG_SEAL_H

#include "sync/wire/frame.h"
#include "sync/wire/msg.h"

enum {
	MSG_MAX_HELD = 1024, /* generations of one KEYS */
	MSG_MAX_ENVELOPES = 64,
	MSG_MAX_ENVELOPE = 128 << 10, /* bytes of one */
	MSG_MAX_CORES = 512,          /* of one CORES */
	MSG_MAX_CORE = 1 << 20,       /* bytes of one */
	MSG_MAX_ENDORSEMENT = 1 << 10,
	MSG_MAX_HEADS = 64, /* of one HEADS */
	MSG_MAX_HEAD = 68 << 10,
	MSG_MAX_OBJECTS = 4096, /* wants of one VAULT, and requests in a cancellation */
	MSG_OBJECT_HEAD = 9,    /* bytes before the object of an OBJECT */
};

struct msg_keys {
	uint32_t channel;
	const uint64_t *held; /* generations whose keys the sender has */
	size_t nheld;
	const struct msg_bytes *envelopes;
	size_t nenvelopes;
};

struct msg_core {
	uint64_t seq;
	struct msg_bytes core, endorsement;
};

/* Numbers ascend within (after, upto]. */
struct msg_cores {
	uint32_t channel;
	uint64_t after, upto;
	const struct msg_core *cores;
	size_t ncores;
};

enum msg_object_status {
	MSG_OBJECT_HERE, /* with its bytes */
	MSG_OBJECT_NONE, /* the sender does not have it */
	MSG_OBJECT_FULL, /* the sender cannot give it now */
	MSG_OBJECT_STATUSES
};
/* Not protobuf: channel, request, status, then the object. */
struct msg_object {
	uint32_t channel, request;
	uint8_t status;         /* enum msg_object_status */
	struct msg_bytes bytes; /* n = 0 exactly when it is not HERE */
};

struct msg_heads {
	uint32_t channel;
	const struct msg_bytes *heads;
	size_t nheads;
};

enum msg_vault_what {
	MSG_VAULT_HELLO = 1,
	MSG_VAULT_ACK,
	MSG_VAULT_WANT,
	MSG_VAULT_CANCEL,
	MSG_VAULT_STATE,
	MSG_VAULT_BAD,
	MSG_VAULT_WHATS
};

struct msg_object_want {
	uint32_t request;
	uint8_t kind;
	uint64_t generation;
	uint8_t name[32];
};

/* Fields that `what` does not name are zero. */
struct msg_vault {
	uint32_t channel;
	enum msg_vault_what what;
	uint64_t epoch, seq; /* HELLO: own; ACK: the receiver's epoch. HELLO's is not 0 */
	uint64_t have_epoch, have_seq,
		settled;                     /* HELLO, ACK: of the receiver's numbers; settled is not above have_seq */
	uint32_t role_known;                 /* HELLO; untrusted; 0: not said */
	bool full;                           /* HELLO, STATE */
	uint64_t used, quota;                /* the same; quota 0: none */
	uint64_t row;                        /* WANT to a member: its number of the row; to a vault 0 */
	const struct msg_object_want *wants; /* WANT; BAD: objects that did not open, whose request does not count */
	size_t nwants;
	const uint32_t *requests; /* CANCEL */
	size_t nrequests;
};

uint8_t *msg_keys_encode(const struct msg_keys *m, size_t *n);
uint8_t *msg_cores_encode(const struct msg_cores *m, size_t *n);
uint8_t *msg_heads_encode(const struct msg_heads *m, size_t *n);
uint8_t *msg_vault_encode(const struct msg_vault *m, size_t *n);
int msg_keys_decode(struct msg_keys *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_cores_decode(struct msg_cores *m, struct msg_arena *a, const uint8_t *p, size_t n);
/* A fresh copy of all cores and endorsements, one after the other: the message is gone when a worker checks them. *n:
 * how many bytes, 0 allowed. */
uint8_t *msg_cores_bytes(const struct msg_cores *m, size_t *n);
int msg_heads_decode(struct msg_heads *m, struct msg_arena *a, const uint8_t *p, size_t n);
int msg_vault_decode(struct msg_vault *m, struct msg_arena *a, const uint8_t *p, size_t n);
/* What stands before the object's bytes. */
void msg_object_head(uint8_t out[MSG_OBJECT_HEAD], const struct msg_object *m);
int msg_object_decode(struct msg_object *m, const uint8_t *p, size_t n);

/* --- SEALED: an ordinary frame of a group, sealed --- */

enum {
	MSG_SEALED_HEAD = 22,  /* channel, generation, counter, type, flags */
	MSG_SEALED_FRONT = 40, /* the most that stands before what is sealed */
	MSG_SEALED_TAG = 16,
};
/* In a counter: a BLOCK's. They overtake nothing and are overtaken by all others, so each kind is counted by itself. */
#define MSG_SEALED_BULK (1ULL << 63)

/* Not protobuf: what is sealed stands in the frame as the cipher leaves it, and is opened where it is. */
struct msg_sealed {
	uint32_t channel;
	uint64_t generation, counter;
	uint8_t type, flags; /* of the frame inside */
	/* The beginning of that frame which is not encrypted: of a BLOCK what stands before its data, so that it
	 * finds who asked before a worker opens it; of a compressed payload its plain length, so that the link can
	 * bound what its peer makes it unpack. It is authenticated like the rest. */
	uint8_t clear;           /* bytes of it */
	size_t front;            /* bytes before what is sealed: MSG_SEALED_HEAD + clear */
	struct msg_bytes sealed; /* without the tag, which follows */
};
/* Writes the head; what is clear follows it. */
void msg_sealed_head(uint8_t out[MSG_SEALED_HEAD], const struct msg_sealed *m);
/* -1 also for a type that does not travel so, and one that is longer than it may be. */
int msg_sealed_decode(struct msg_sealed *m, const uint8_t *p, size_t n);
/* Of a whole frame of n bytes: how many what is inside unpacks to, as it says. 0: it is not packed, or will be
 * refused. */
uint32_t msg_sealed_unpacks_to(const uint8_t *p, size_t n);
/* Whether this type is one of a group's, which in a sealed group travels in SEALED only. */
bool msg_sealed_type(uint8_t type);

#endif
