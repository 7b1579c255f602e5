/* See copy_file.h. The agent's stream: a line of JSON that says what the path is; for each block a line, and its bytes;
 * a line that says why it ends. */
#include "agent/cli/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/copy_missing.h"
#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { LINE_MAX_BYTES = 1 << 20, BLOCK_MAX_BYTES = 4 << 20 };

/* A stream while it is read. */
struct stream {
	struct copy_file *f;
	bool check; /* only compares what is in the part already */
	struct bytes line;
	uint8_t *block; /* owned: the bytes of the block at hand */
	int64_t offset;
	size_t length, have; /* of it; length 0: a line comes */
	uint8_t hash[32];
	json_t *header;         /* owned; NULL: not here yet */
	const json_t *expected; /* the header that the part was made for; NULL: any */
	int part;               /* -1: not open */
	int64_t good;           /* check: up to here the part is right */
	int64_t done, resumed;
	bool complete;
	char *why; /* it failed; owned */
};

/* The name while it is not whole: recognised by its content, so that another version never continues it. Fresh. */
static char *part_path(const struct copy_file *f, const json_t *header)
{
	const char *content = json_string_value(json_object_get(header, "content"));
	const char *slash = strrchr(f->to, '/');
	int dir = slash != NULL ? (int)(slash + 1 - f->to) : 0;

	return mem_printf("%.*s.lanyard-%.32s.part", dir, f->to, content != NULL ? content : "");
}

static bool stream_fails(struct stream *s, char *why)
{
	free(s->why);
	s->why = why;
	return false;
}

static bool failed_with(struct stream *s, int error)
{
	return stream_fails(s, mem_strdup(strerror(error)));
}

/* --- blocks --- */

static bool block_is_right(const struct stream *s, const uint8_t *bytes)
{
	uint8_t hash[SHA256_SIZE];

	sha256(hash, bytes, s->length);
	return memcmp(hash, s->hash, sizeof(hash)) == 0;
}

/* The first block of the part that is not right is where the copy goes on. */
static bool compare_block(struct stream *s)
{
	if (fs_pread_full(s->part, s->block, s->length, s->offset) != (ssize_t)s->length ||
	    !block_is_right(s, s->block))
		return false;
	s->good = s->offset + (int64_t)s->length;
	return true;
}

static bool write_block(struct stream *s)
{
	if (!block_is_right(s, s->block))
		return stream_fails(s, mem_strdup("a block came damaged from the agent; try again"));
	if (fs_pwrite_all(s->part, s->block, s->length, s->offset) < 0)
		return failed_with(s, errno);
	s->done = s->offset + (int64_t)s->length;
	if (s->f->progress != NULL)
		s->f->progress(s->f->arg, s->f, s->done, document_number(s->header, "size"), s->resumed);
	return true;
}

static bool begin_block(struct stream *s, const json_t *line)
{
	const char *hash = json_string_value(json_object_get(line, "sha256"));
	int64_t length = document_number(line, "length");

	s->offset = document_number(line, "offset");
	if (hash == NULL || hex_decode(s->hash, sizeof(s->hash), hash) < 0 || length < 1 || length > BLOCK_MAX_BYTES ||
	    s->offset < 0)
		return stream_fails(s, mem_strdup("the agent's answer is not as expected"));
	s->length = (size_t)length;
	s->have = 0;
	if (s->block == NULL)
		s->block = mem_calloc(1, BLOCK_MAX_BYTES);
	if (!s->check)
		return true;
	if (!compare_block(s))
		return false;
	s->length = 0;
	return true;
}

/* --- the stream --- */

/* Whether the part begun with one header goes on with another: a newer version may have come meanwhile. */
static bool same_content(const json_t *one, const json_t *other)
{
	return json_equal(json_object_get(one, "content"), json_object_get(other, "content")) &&
	       json_equal(json_object_get(one, "size"), json_object_get(other, "size"));
}

static bool take_line(struct stream *s, const char *text, size_t n)
{
	json_t *line = json_loadb(text, n, 0, NULL);
	const char *end = json_string_value(json_object_get(line, "end"));
	bool more = true;

	if (s->header == NULL) {
		s->header = json_incref(line);
		more = json_is_object(line) ? true
		                            : stream_fails(s, mem_strdup("the agent's answer is not as expected"));
		if (more && s->expected != NULL && !same_content(s->header, s->expected))
			more = stream_fails(s, mem_strdup("it changed while it was copied; try again"));
		/* A check goes on; a copy needs its part first, and is asked for again with that. */
		if (more && !s->check && s->part < 0)
			more = false;
	} else if (end != NULL) {
		s->complete = strcmp(end, "complete") == 0;
		more = s->complete ? true : stream_fails(s, mem_strdup(end));
	} else if (json_object_get(line, "missing") != NULL) {
		copy_missing_print(json_object_get(line, "missing"));
	} else {
		more = begin_block(s, line);
	}
	json_decref(line);
	return more;
}

static bool take_bytes(void *arg, const void *data, size_t n)
{
	struct stream *s = arg;
	const uint8_t *p = data;

	while (n > 0) {
		const uint8_t *newline;
		size_t take;

		if (s->length > 0) {
			take = s->length - s->have < n ? s->length - s->have : n;
			memcpy(s->block + s->have, p, take);
			s->have += take;
			p += take;
			n -= take;
			if (s->have < s->length)
				continue;
			if (!write_block(s))
				return false;
			s->length = 0;
			continue;
		}
		newline = memchr(p, '\n', n);
		take = newline != NULL ? (size_t)(newline - p) : n;
		if (bytes_append(&s->line, p, take) < 0)
			return stream_fails(s, mem_strdup("the agent's answer is not as expected"));
		p += take + (newline != NULL);
		n -= take + (newline != NULL);
		if (newline == NULL)
			continue;
		if (!take_line(s, (const char *)s->line.p, s->line.len))
			return false;
		bytes_clear(&s->line);
	}
	return true;
}

static void stream_clear(struct stream *s)
{
	bytes_free(&s->line);
	free(s->block);
	json_decref(s->header);
	free(s->why);
}

/* Reads one stream from the agent. The caller looks at s, and clears it. */
static int run_stream(struct stream *s, int64_t from)
{
	struct copy_file *f = s->f;
	char *encoded = http_encode(f->path), *base = http_group_path(f->group, "/content"), *path;
	int rc;

	s->line = BYTES_INIT(LINE_MAX_BYTES);
	path = f->timeout >= 0 ? mem_printf("%s?path=%s&from=%lld&names=%d&timeout=%lld", base, encoded,
	                                    (long long)from, s->check, (long long)f->timeout)
	                       : mem_printf("%s?path=%s&from=%lld&names=%d", base, encoded, (long long)from, s->check);
	rc = http_bytes(f->cli, path, take_bytes, s);
	if (rc == CLI_DONE && s->why != NULL)
		cli_error("%s: %s", f->shown, s->why);
	if (rc == CLI_DONE && s->why != NULL)
		rc = CLI_REFUSED;
	free(path);
	free(base);
	free(encoded);
	return rc;
}

/* --- a file --- */

/* Whether the open file is what `path` names, and nobody else can change it after it was verified, nor have a file of
 * ours overwritten through a hard link: in a folder where many can write, others may have put something there. */
static bool part_is_ours(const struct copy_file *f, const char *path, int fd)
{
	struct fs_stat st, named;

	return fs_stat_fd(fd, &st) == 0 && fs_stat_beneath(f->dirfd, path, &named) == 0 && st.ino == named.ino &&
	       st.dev == named.dev && st.kind == S_IFREG && st.nlink == 1 && (st.uid == geteuid() || st.uid == 0);
}

/* The part, locked as long as it is open, so that two copies at once do not write and name one file. -1 after a
 * message. */
static int open_copy_part(const struct copy_file *f, const char *path)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, fd = fs_open(f->dirfd, path, flags, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		cli_error("%s: another copy of it to this place is under way", f->shown);
		close(fd);
		return -1;
	}
	if (fd >= 0 && !part_is_ours(f, path, fd)) {
		close(fd);
		fd = fs_remove_tree(f->dirfd, path) < 0 ? -1 : fs_open(f->dirfd, path, flags | O_EXCL, 0600);
	}
	if (fd < 0)
		cli_error("%s: %s", f->shown, strerror(errno));
	return fd;
}

/* How much of a part that an interrupted copy has left is right. */
static int check_part(struct copy_file *f, int part, int64_t *good)
{
	struct stream s = { .f = f, .check = true, .part = part };
	struct fs_stat st;
	int rc = CLI_DONE;

	*good = 0;
	if (fs_stat_fd(part, &st) == 0 && st.size > 0) {
		rc = run_stream(&s, 0);
		*good = s.good;
	}
	stream_clear(&s);
	return rc;
}

static int copy_error(const struct copy_file *f)
{
	cli_error("%s: %s", f->shown, errno == EEXIST ? "exists already, and is not overwritten" : strerror(errno));
	return CLI_REFUSED;
}

/* Gives the complete part its mode, mtime and name. */
static int name_file(const struct copy_file *f, const struct stream *s, const char *part)
{
	mode_t mask = umask(0);
	const char *from, *to;
	int dir = fs_open_parent(f->dirfd, part, &from), rc = -1;

	umask(mask);
	to = strrchr(f->to, '/') != NULL ? strrchr(f->to, '/') + 1 : f->to;
	if (dir >= 0 && ftruncate(s->part, document_number(s->header, "size")) == 0 &&
	    fs_set_mode_fd(s->part, (mode_t)document_number(s->header, "mode") & ~mask & 0777) == 0 &&
	    fs_set_mtime_fd(s->part, document_number(s->header, "mtime_ns")) == 0 && fsync(s->part) == 0 &&
	    fs_rename_noreplace(dir, from, dir, to) == 0 && fs_sync_dir(dir) == 0)
		rc = 0;
	fs_close_keep_errno(dir);
	return rc < 0 ? copy_error(f) : CLI_DONE;
}

static bool name_is_taken(const struct copy_file *f)
{
	struct fs_stat st;

	return fs_stat_beneath(f->dirfd, f->to, &st) < 0 || st.kind != 0;
}

static int copy_regular(struct copy_file *f, const json_t *header)
{
	char *part = part_path(f, header);
	struct stream s = { .f = f, .part = open_copy_part(f, part), .expected = header };
	int64_t from = 0;
	int rc = s.part < 0 ? CLI_REFUSED : check_part(f, s.part, &from);

	if (rc == CLI_DONE && ftruncate(s.part, from) < 0)
		rc = copy_error(f);
	s.done = s.resumed = from;
	if (rc == CLI_DONE)
		rc = run_stream(&s, from);
	if (rc == CLI_DONE && (!s.complete || s.done != document_number(s.header, "size"))) {
		cli_error("%s: it changed while it was copied; try again", f->shown);
		rc = CLI_REFUSED;
	}
	if (rc == CLI_DONE)
		rc = name_file(f, &s, part);
	f->copied = s.done;
	if (s.part >= 0)
		close(s.part);
	stream_clear(&s);
	free(part);
	return rc;
}

static int make_link(const struct copy_file *f, const json_t *header)
{
	const char *text = json_string_value(json_object_get(header, "target")), *name;
	char *target = text != NULL ? escape_decode(text) : NULL;
	int dir = fs_open_parent(f->dirfd, f->to, &name);
	int rc = target != NULL && dir >= 0 ? symlinkat(target, dir, name) : -1;

	fs_close_keep_errno(dir);
	free(target);
	return rc < 0 ? copy_error(f) : CLI_DONE;
}

int copy_file(struct copy_file *f)
{
	struct stream s = { .f = f, .part = -1 };
	int rc = run_stream(&s, 0);
	const char *kind = json_string_value(json_object_get(s.header, "kind"));

	if (rc == CLI_DONE && kind == NULL)
		rc = CLI_REFUSED;
	if (rc == CLI_DONE && strcmp(kind, "dir") == 0)
		rc = fs_mkdirs(f->dirfd, f->to, 0777) < 0 ? copy_error(f) : CLI_DONE;
	else if (rc == CLI_DONE && name_is_taken(f))
		rc = copy_error((errno = EEXIST, f));
	else if (rc == CLI_DONE)
		rc = strcmp(kind, "symlink") == 0 ? make_link(f, s.header) : copy_regular(f, s.header);
	stream_clear(&s);
	return rc;
}
