/* A sorted list of generations, and its file: see keyring.h. */
#include "sync/seal/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

static const uint8_t magic[8] = "LANYKEYS";
enum { FORM_VERSION = 1 };

struct keyring {
	struct group_id group;
	struct keys **k; /* owned, each one of ours; by ID */
	size_t n, cap;
};

const char *keyring_result_text(enum keyring_result result)
{
	static const char *const text[] = {
		[KEYRING_OK] = "is right",
		[KEYRING_VERSION] = "was written by a later version of lanyard",
		[KEYRING_DAMAGED] = "is damaged",
		[KEYRING_OTHER] = "belongs to another group",
		[KEYRING_UNFIT] = "has a key that is not the one of its generation",
		[KEYRING_FULL] = "has more generations than fit into memory",
		[KEYRING_READABLE] = "can be read by others",
		[KEYRING_SYSTEM] = "cannot be read or written",
	};

	return text[result];
}

struct keyring *keyring_new(const struct group_id *group)
{
	struct keyring *r = MEM_NEW(struct keyring);

	r->group = *group;
	return r;
}

void keyring_free(struct keyring *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		keys_free(r->k[i]);
	free(r->k);
	free(r);
}

/* Where a generation is, or belongs. */
static size_t place_of(const struct keyring *r, uint64_t generation)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (keys_about(r->k[middle])->id < generation)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct keys *keyring_find(const struct keyring *r, uint64_t generation)
{
	size_t at = place_of(r, generation);

	return at < r->n && keys_about(r->k[at])->id == generation ? r->k[at] : NULL;
}

static enum keyring_result same_as(const struct keys *here, const struct keys_about *about,
                                   const uint8_t secret[KEYS_SECRET_LEN])
{
	if (CRYPTO_memcmp(keys_secret(here), secret, KEYS_SECRET_LEN) != 0 || keys_about(here)->suite != about->suite ||
	    keys_about(here)->policy != about->policy)
		return KEYRING_UNFIT;
	return KEYRING_OK;
}

enum keyring_result keyring_add(struct keyring *r, const struct keys_about *about,
                                const uint8_t secret[KEYS_SECRET_LEN], const uint8_t *commitment)
{
	struct keys *k = keyring_find(r, about->id);
	size_t at;

	if (about->suite != KEYS_SUITE || about->policy >= KEYS_POLICIES)
		return KEYRING_VERSION;
	if (k != NULL)
		return same_as(k, about, secret);
	k = r->n < KEYRING_MAX ? keys_new(&r->group, about, secret) : NULL;
	if (k == NULL)
		return KEYRING_FULL;
	if (commitment != NULL && memcmp(keys_commitment(k), commitment, KEYS_COMMIT_LEN) != 0) {
		keys_free(k);
		return KEYRING_UNFIT;
	}
	if (r->n == r->cap) {
		r->cap = r->cap > 0 ? 2 * r->cap : 8;
		r->k = mem_realloc(r->k, r->cap, sizeof(struct keys *));
	}
	at = place_of(r, about->id);
	memmove(r->k + at + 1, r->k + at, (r->n - at) * sizeof(struct keys *));
	r->k[at] = k;
	r->n++;
	return KEYRING_OK;
}

void keyring_remove(struct keyring *r, uint64_t generation)
{
	size_t at = place_of(r, generation);

	if (keyring_find(r, generation) == NULL)
		return;
	keys_free(r->k[at]);
	r->n--;
	memmove(r->k + at, r->k + at + 1, (r->n - at) * sizeof(struct keys *));
}

size_t keyring_count(const struct keyring *r)
{
	return r->n;
}

struct keys *keyring_at(const struct keyring *r, size_t i)
{
	return r->k[i];
}

/* --- the form on the disk --- */

uint8_t *keyring_encode(const struct keyring *r, size_t *n)
{
	uint8_t *form, *p;

	*n = KEYRING_HEAD + r->n * KEYRING_ENTRY + SHA256_SIZE;
	form = keys_memory(*n);
	if (form == NULL)
		return NULL;
	memcpy(form, magic, sizeof(magic));
	form[8] = FORM_VERSION;
	memcpy(form + 9, r->group.b, sizeof(r->group.b));
	put_u32(form + 41, (uint32_t)r->n);
	p = form + KEYRING_HEAD;
	for (size_t i = 0; i < r->n; i++, p += KEYRING_ENTRY) {
		put_u64(p, keys_about(r->k[i])->id);
		p[8] = keys_about(r->k[i])->suite;
		p[9] = keys_about(r->k[i])->policy;
		memcpy(p + 10, keys_secret(r->k[i]), KEYS_SECRET_LEN);
	}
	sha256(p, form, *n - SHA256_SIZE);
	return form;
}

/* Whether the form is whole and this group's. The version is first: what a later one put behind it is not known. */
static enum keyring_result check_form(const struct group_id *group, const uint8_t *p, size_t n)
{
	uint8_t sum[SHA256_SIZE];

	if (n < KEYRING_HEAD + SHA256_SIZE || memcmp(p, magic, sizeof(magic)) != 0)
		return KEYRING_DAMAGED;
	sha256(sum, p, n - SHA256_SIZE);
	if (memcmp(sum, p + n - SHA256_SIZE, SHA256_SIZE) != 0)
		return KEYRING_DAMAGED;
	if (p[8] != FORM_VERSION)
		return KEYRING_VERSION;
	if (memcmp(p + 9, group->b, sizeof(group->b)) != 0)
		return KEYRING_OTHER;
	if (get_u32(p + 41) > KEYRING_MAX || KEYRING_HEAD + get_u32(p + 41) * KEYRING_ENTRY + SHA256_SIZE != n)
		return KEYRING_DAMAGED;
	return KEYRING_OK;
}

enum keyring_result keyring_decode(struct keyring **r, const struct group_id *group, const uint8_t *p, size_t n)
{
	enum keyring_result result = check_form(group, p, n);
	struct keyring *ring;
	size_t count;

	*r = NULL;
	if (result != KEYRING_OK)
		return result;
	ring = keyring_new(group);
	count = get_u32(p + 41);
	p += KEYRING_HEAD;
	for (size_t i = 0; i < count && result == KEYRING_OK; i++, p += KEYRING_ENTRY) {
		const struct keys_about about = { .id = get_u64(p), .suite = p[8], .policy = p[9] };

		/* One form for each ring: in order, and none twice. */
		if (i > 0 && about.id <= get_u64(p - KEYRING_ENTRY))
			result = KEYRING_DAMAGED;
		else
			result = keyring_add(ring, &about, p + 10, NULL);
	}
	if (result == KEYRING_OK)
		*r = ring;
	else
		keyring_free(ring);
	return result;
}

/* --- the file --- */

static enum keyring_result read_file(struct keyring **r, const struct group_id *group, int fd)
{
	struct fs_stat st;
	enum keyring_result result;
	uint8_t *form;
	ssize_t n;

	if (fs_stat_fd(fd, &st) < 0)
		return KEYRING_SYSTEM;
	if (st.kind != S_IFREG || st.size > KEYRING_BYTES_MAX)
		return KEYRING_DAMAGED;
	if ((st.mode & 077) != 0)
		return KEYRING_READABLE;
	/* One byte more, so that a file that grows meanwhile is not taken for whole. */
	form = keys_memory((size_t)st.size + 1);
	if (form == NULL)
		return KEYRING_FULL;
	n = fs_pread_full(fd, form, (size_t)st.size + 1, 0);
	result = n < 0 ? KEYRING_SYSTEM : keyring_decode(r, group, form, (size_t)n);
	keys_wipe(form, (size_t)st.size + 1);
	return result;
}

enum keyring_result keyring_load(struct keyring **r, const struct group_id *group, int dirfd, const char *path)
{
	int fd = fs_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0);
	enum keyring_result result;

	*r = NULL;
	if (fd < 0)
		return KEYRING_SYSTEM;
	result = read_file(r, group, fd);
	fs_close_keep_errno(fd);
	return result;
}

enum keyring_result keyring_save(const struct keyring *r, int dirfd, const char *path)
{
	size_t n;
	uint8_t *form = keyring_encode(r, &n);
	int rc, error;

	if (form == NULL)
		return KEYRING_FULL;
	rc = fs_write_file(dirfd, path, form, n, 0600);
	error = errno;
	keys_wipe(form, n);
	errno = error;
	return rc < 0 ? KEYRING_SYSTEM : KEYRING_OK;
}
