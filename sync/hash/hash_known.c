/* A file whose last version was cut by an earlier rule is compared with that version's list before it is cut: bytes
 * that are the same must not become a change because the rule is another one. See hash_internal.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/hash_internal.h"
#include "sync/plan/zeros.h"

enum { READ_BLOCKS = 16 }; /* hashed at a time */

bool hash_known_fits(const struct hash_file *f)
{
	int64_t size = 0;

	for (uint32_t i = 0; i < f->known.n; i++)
		size += f->known.b[i].len;
	return f->known.n > 0 && size == f->st.size;
}

/* Blocks of zeros that are still holes need no reading. */
static bool known_hole(int fd, const struct block *b, int64_t pos)
{
	return zeros_block(b) && fs_next_data(fd, pos) - pos >= b->len;
}

/* 1: the next blocks, as many as are hashed at a time, are those of the list; 0: they are not; -1 with errno. */
static int known_batch(int fd, const struct hash_file *f, struct hash_known_at *at)
{
	struct sha256_input inputs[READ_BLOCKS];
	uint8_t *bytes[READ_BLOCKS];
	uint32_t which[READ_BLOCKS];
	size_t n = 0;
	int rc = 1;

	while (rc > 0 && n < READ_BLOCKS && at->block < f->known.n) {
		const struct block *b = &f->known.b[at->block];
		ssize_t got;

		if (!known_hole(fd, b, at->pos)) {
			bytes[n] = mem_realloc(NULL, b->len, 1);
			got = fs_pread_full(fd, bytes[n], b->len, at->pos);
			rc = got < 0 ? -1 : got == (ssize_t)b->len;
			inputs[n] = (struct sha256_input){ .p = bytes[n], .n = b->len };
			which[n++] = at->block;
			at->read += b->len;
		}
		at->pos += b->len;
		at->block++;
	}
	if (rc > 0)
		sha256_many(inputs, n);
	for (size_t i = 0; i < n; i++) {
		if (rc > 0 && memcmp(inputs[i].digest, f->known.b[which[i]].hash, SHA256_SIZE) != 0)
			rc = 0;
		free(bytes[i]);
	}
	return rc;
}

int hash_known_compare(int fd, const struct hash_file *f, struct hash_known_at *at, int64_t most)
{
	int rc = 1;

	for (at->read = 0; rc > 0 && at->block < f->known.n && at->read < most;)
		rc = known_batch(fd, f, at);
	return rc;
}

void hash_known_take(struct hash_file *f)
{
	f->blocks = f->known;
	f->known = (struct blocklist){ 0 };
	f->content = blocklist_content(&f->blocks);
	f->chunk_log2 = f->previous_log2;
	f->kept_cuts = true;
}
