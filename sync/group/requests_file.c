/* The file of a mailbox: what counts, and what has expired.
 *
 *     magic, tag, number of expired (4 bytes), each: asker, number, when;
 *     then entries behind when they were heard (8 bytes) and their length (4 bytes); SHA-256 of everything before it
 *
 * While the checksum holds, no signature is checked again, as in roster.bin. Otherwise each entry proves itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/requests_internal.h"

static const uint8_t mail_magic[8] = "lanyardQ";

static const size_t mail_file_max = (size_t)8 << 20;

static void load_expired(struct requests *r, struct reader *in)
{
	uint32_t n = reader_u32(in);

	for (uint32_t i = 0; i < n && !in->bad; i++) {
		const uint8_t *p = reader_take(in, sizeof(struct agent_id));
		uint64_t number = reader_u64(in), at_s = reader_u64(in);
		struct agent_id asker;

		if (in->bad || at_s > (uint64_t)1 << 40)
			return;
		memcpy(asker.b, p, sizeof(asker.b));
		requests_expire(r, &asker, number, (int64_t)at_s);
	}
}

static void load_mail(struct requests *r, struct reader *in, bool proved, int64_t now_s)
{
	while (!in->bad && reader_left(in) > 0) {
		uint64_t heard_s = reader_u64(in);
		uint32_t n = reader_u32(in);
		const uint8_t *entry = reader_take(in, n);
		struct request_entry e;

		if (entry == NULL || request_parse(&e, entry, n) < 0 || memcmp(&e.tag, &r->tag, sizeof(r->tag)) != 0 ||
		    (!proved && !request_signed(entry, n)) || requests_knows(r, entry, n))
			continue;
		requests_insert(r, entry, n, heard_s < (uint64_t)now_s ? (int64_t)heard_s : now_s)->told = true;
	}
}

struct requests *requests_load(const struct group_id *group, int dirfd, const char *path, int64_t now_s)
{
	struct requests *r = requests_new(group);
	size_t n = 0;
	char *content = fs_read_file(dirfd, path, mail_file_max, &n);
	const uint8_t *p = (const uint8_t *)content, *magic;
	uint8_t checksum[SHA256_SIZE];
	struct reader in;
	bool proved;

	if (content == NULL)
		return r;
	proved = n >= SHA256_SIZE;
	if (proved) {
		sha256(checksum, p, n - SHA256_SIZE);
		proved = memcmp(checksum, p + n - SHA256_SIZE, SHA256_SIZE) == 0;
	}
	in = READER_INIT(p, proved ? n - SHA256_SIZE : n);
	magic = reader_take(&in, sizeof(mail_magic));
	if (magic != NULL && memcmp(magic, mail_magic, sizeof(mail_magic)) == 0) {
		reader_take(&in, sizeof(r->tag));
		load_expired(r, &in);
		load_mail(r, &in, proved, now_s);
	}
	free(content);
	return r;
}

int requests_save(const struct requests *r, int dirfd, const char *path)
{
	struct bytes out = BYTES_INIT(mail_file_max);
	const struct requests_expired *x, *tmp;
	uint8_t checksum[SHA256_SIZE];
	const struct mail *m, *next;
	int rc, saved;

	bytes_append(&out, mail_magic, sizeof(mail_magic));
	bytes_append(&out, r->tag.b, sizeof(r->tag.b));
	bytes_append_u32(&out, HASH_COUNT(r->expired));
	HASH_ITER(hh, r->expired, x, tmp) {
		bytes_append(&out, x->asker.b, sizeof(x->asker.b));
		bytes_append_u64(&out, x->number);
		bytes_append_u64(&out, (uint64_t)(x->at_s > 0 ? x->at_s : 0));
	}
	HASH_ITER(hh, r->items, m, next) {
		if (!m->counts)
			continue;
		bytes_append_u64(&out, (uint64_t)(m->heard_s > 0 ? m->heard_s : 0));
		bytes_append_u32(&out, (uint32_t)m->n);
		bytes_append(&out, m->bytes, m->n);
	}
	sha256(checksum, out.p, out.len);
	bytes_append(&out, checksum, sizeof(checksum));
	rc = fs_write_file(dirfd, path, out.p, out.len, 0600);
	saved = errno;
	bytes_free(&out);
	errno = saved;
	return rc;
}
