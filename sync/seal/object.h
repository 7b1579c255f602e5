/* Objects: sealed content, of which a vault sees a head that says what it is named, and nothing more. The form is in
 * docs/sealed.md, "Objects". Whole objects, on buffers: for workers; any thread. */
#ifndef LANYARD_SYNC_SEAL_OBJECT_H
#define LANYARD_SYNC_SEAL_OBJECT_H

#include "base/bytes.h"
#include "sync/seal/keys.h"

enum object_kind {
	OBJECT_BLOCK = 1, /* of a file; no refs */
	OBJECT_PAGE = 2,  /* of a long block list; refs: its blocks, ascending by OBJECT_REF bytes, each once */
	OBJECT_PATCH = 3, /* of a block; refs: the blocks that it is made of, ascending, each once, never itself */
};

enum {
	OBJECT_FORMAT = 1,
	OBJECT_CONTENT_MAX = 4 << 20, /* bytes; the least is 1 */
	OBJECT_REFS_MAX = 512,        /* of a page */
	OBJECT_BASES_MAX = 4,         /* refs of a patch */
	OBJECT_REF = 8 + 32,          /* bytes of one */
	OBJECT_HEAD_MAX = 1 + 1 + OBJECT_REF + 4 + OBJECT_REFS_MAX * OBJECT_REF,
	OBJECT_SEALED_MAX = OBJECT_HEAD_MAX + 12 + 9 + OBJECT_CONTENT_MAX + 16, /* bytes of the largest object */
};

/* What an object is found by. */
struct object_ref {
	uint64_t generation;
	uint8_t name[32];
};
bool object_ref_equal(const struct object_ref *a, const struct object_ref *b);

/* What everybody can read. */
struct object_head {
	uint8_t kind;
	struct object_ref self;
	uint32_t nrefs;
	const uint8_t *refs; /* nrefs * OBJECT_REF bytes of the object or the caller: object_head_ref() */
	size_t len;          /* bytes of the head; object_parse() sets it */
};
struct object_ref object_head_ref(const struct object_head *h, size_t i);
void object_ref_put(uint8_t p[OBJECT_REF], const struct object_ref *ref);

enum object_result {
	OBJECT_OK,
	OBJECT_FORM,       /* unknown format or kind, or not of this form */
	OBJECT_ASKED,      /* another object than the one that was asked for */
	OBJECT_GENERATION, /* of another generation than the keys */
	OBJECT_FORGED,     /* altered, moved, or sealed with other keys */
	OBJECT_INSIDE,     /* sealed by a holder of the keys, and wrong inside: lengths, codec, padding */
	OBJECT_CONTENT,    /* the same, and the content is not the one that bears this name */
};
/* For a message: "was altered". */
const char *object_result_text(enum object_result result);

/* The name of a block or page: of its content's SHA-256. */
void object_name(const struct keys *k, enum object_kind kind, const uint8_t sha[32], uint8_t name[32]);

/* Reads the head and checks the form as far as it is visible, sizes included: all that a vault can do. h points into p.
 * OBJECT_OK or OBJECT_FORM. */
enum object_result object_parse(struct object_head *h, const uint8_t *p, size_t n);

struct object_input {
	enum object_kind kind;
	const uint8_t *content;
	size_t n; /* 1 to OBJECT_CONTENT_MAX */
	/* SHA-256 of these very bytes in this memory, if the caller has just computed it; NULL: computed here. A
	 * digest of what a file held earlier would let a nonce serve twice. */
	const uint8_t *sha;
	const uint8_t *name; /* of the block, for a patch; NULL for the others */
	const uint8_t *refs; /* nrefs * OBJECT_REF bytes */
	uint32_t nrefs;      /* as the kind has them */
	uint8_t avg_log2;    /* what the file was cut with; 0 for all that is not a cut block (pad_content()) */
	/* One zstd frame of the content that another packer made; NULL: packed here, if the policy lets it and it
	 * pays. */
	const uint8_t *packed;
	size_t npacked; /* less than n */
};

/* Seals under the keys' generation and policy. Fresh memory of *n bytes; the caller frees it. NULL for what breaks the
 * bounds above, which is the caller's defect. Equal input gives equal objects. */
uint8_t *object_seal(const struct keys *k, const struct object_input *in, size_t *n);

/* An opened object. */
struct object_plain {
	const uint8_t *p; /* n bytes, in the sealed buffer or in `unpacked` */
	size_t n;
	uint8_t *unpacked; /* owned; NULL: p lies in the sealed buffer */
	uint8_t sha[32];   /* of p */
};
/* Opens what was asked for, in place: p, n bytes, is overwritten. Checks everything: the head, that it is `asked` of
 * that kind, the tag, every length before anything is unpacked, the padding, and of blocks and pages that the content
 * bears the name. What a patch makes of a block is checked by the block's hash. *out is empty on failure;
 * object_plain_free() frees what it holds. */
enum object_result object_open(const struct keys *k, enum object_kind kind, const struct object_ref *asked, uint8_t *p,
                               size_t n, struct object_plain *out);
void object_plain_free(struct object_plain *o);

#endif
