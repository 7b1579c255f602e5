/* The file of a roster: roster.bin, in the group's home folder.
 *
 *     magic, group ID, entries behind their lengths (4 bytes), SHA-256 of everything before it
 *
 * An entry's signatures were checked before it came in, so they need no check while the checksum holds: whoever can
 * write to the home has the agent's key as well. Where the checksum does not hold, and in a file of lanyard 0.1.0,
 * which has none, each entry has to prove itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

static const uint8_t magic_old[8] = "lanyardR";
static const uint8_t magic[8] = "lanyardS";

enum { HEAD_LEN = sizeof(magic) + HASH_LEN };

static const size_t file_max = (size_t)256 << 20;

static bool checksum_holds(const uint8_t *content, size_t n)
{
	uint8_t checksum[SHA256_SIZE];

	if (n < HEAD_LEN + SHA256_SIZE || memcmp(content, magic, sizeof(magic)) != 0)
		return false;
	sha256(checksum, content, n - SHA256_SIZE);
	return memcmp(checksum, content + n - SHA256_SIZE, SHA256_SIZE) == 0;
}

static void tell_nobody(void *arg, uint64_t bringer, const uint8_t *entry, size_t n)
{
	(void)arg;
	(void)bringer;
	(void)entry;
	(void)n;
}

/* Only entries are left to read. */
static void load_entries(struct roster *r, struct reader *in, bool proved)
{
	while (!in->bad && reader_left(in) > 0) {
		uint32_t len = reader_u32(in);
		const uint8_t *entry = reader_take(in, len);

		if (entry == NULL || (!proved && !roster_check(&r->group, entry, len)) ||
		    roster_insert(r, 0, entry, len, true) == ROSTER_BAD)
			r->damaged = true;
	}
	roster_settle(r);
	roster_news(r, tell_nobody, NULL);
}

/* A damaged file is still read: entries that prove themselves are better than no membership. */
static struct roster *roster_read(const uint8_t *content, size_t n)
{
	bool proved = checksum_holds(content, n);
	bool old = n >= HEAD_LEN && memcmp(content, magic_old, sizeof(magic_old)) == 0;
	bool fresh = n >= HEAD_LEN && memcmp(content, magic, sizeof(magic)) == 0;
	struct reader in = READER_INIT(content, proved ? n - SHA256_SIZE : n);
	struct group_id id;
	struct roster *r;

	if (!old && !fresh)
		return NULL;
	reader_take(&in, sizeof(magic));
	memcpy(id.b, reader_take(&in, sizeof(id.b)), sizeof(id.b));
	r = roster_new(&id);
	r->damaged = fresh && !proved;
	load_entries(r, &in, proved);
	if (r->founding != NULL)
		return r;
	roster_free(r);
	return NULL;
}

struct roster *roster_load(int dirfd, const char *path, char **why)
{
	size_t n = 0;
	char *content = fs_read_file(dirfd, path, file_max, &n);
	struct roster *r;

	if (content == NULL) {
		*why = mem_printf("cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	r = roster_read((const uint8_t *)content, n);
	free(content);
	if (r == NULL)
		*why = mem_printf("%s is damaged: it does not hold its group's founding entry; move it away and join "
		                  "the group again",
		                  path);
	return r;
}

bool roster_is_damaged(const struct roster *r)
{
	return r->damaged;
}

static void save_item(struct bytes *out, const struct roster_item *it)
{
	bytes_append_u32(out, (uint32_t)it->n);
	bytes_append(out, it->bytes, it->n);
}

/* Entries that count, in an order that lets each be judged when it is read, and those that once did: they may count
 * again. */
int roster_save(const struct roster *r, int dirfd, const char *path)
{
	struct bytes out = BYTES_INIT(file_max);
	uint8_t checksum[SHA256_SIZE];
	struct roster_item *it, *tmp;
	int rc, saved;

	bytes_append(&out, magic, sizeof(magic));
	bytes_append(&out, r->group.b, sizeof(r->group.b));
	DL_FOREACH2(r->valid, it, valid_next)
		save_item(&out, it);
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->was_valid && !it->valid)
			save_item(&out, it);
	}
	sha256(checksum, out.p, out.len);
	bytes_append(&out, checksum, sizeof(checksum));
	rc = fs_write_file(dirfd, path, out.p, out.len, 0600);
	saved = errno;
	bytes_free(&out);
	errno = saved;
	return rc;
}
