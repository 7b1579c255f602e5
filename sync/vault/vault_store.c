/* The files of objects: .lanyard/vault/ab/NAME.GENERATION.KIND, where ab is the first byte of the name. A file is the
 * object and its SHA-256 behind it, so that without the index, too, it shows whether it is as it came. It is written
 * under another name first, so that one that is there is whole unless the power was cut before a sync. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"

enum {
	SHARD_PATH = sizeof(VAULT_FOLDER) + 3,
	FILE_PATH = SHARD_PATH + VAULT_NAME_TEXT,
};

#define STORE_UNFINISHED ".new"

static void shard_path(char path[SHARD_PATH], int shard)
{
	(void)snprintf(path, SHARD_PATH, VAULT_FOLDER "/%02x", (unsigned)shard & 0xff);
}

static void store_name(char text[VAULT_NAME_TEXT], const uint8_t name[INDEX_VAULT_OBJECT])
{
	hex_encode(text, name + 9, 32);
	text[64] = '.';
	hex_encode(text + 65, name + 1, 8);
	(void)snprintf(text + 81, 3, ".%u", name[0] % 10U);
}

/* -1: not an object's file. */
static int name_parse(uint8_t name[INDEX_VAULT_OBJECT], const char *text)
{
	char part[65];

	if (strlen(text) != VAULT_NAME_TEXT - 1 || text[64] != '.' || text[81] != '.' || text[82] < '1' ||
	    text[82] > '9')
		return -1;
	memcpy(part, text, 64);
	part[64] = '\0';
	if (hex_decode(name + 9, 32, part) < 0)
		return -1;
	memcpy(part, text + 65, 16);
	part[16] = '\0';
	name[0] = (uint8_t)(text[82] - '0');
	return hex_decode(name + 1, 8, part);
}

static void file_path(char path[FILE_PATH], const uint8_t name[INDEX_VAULT_OBJECT])
{
	char text[VAULT_NAME_TEXT], shard[SHARD_PATH];

	store_name(text, name);
	shard_path(shard, name[9]);
	(void)snprintf(path, FILE_PATH, "%s/%s", shard, text);
}

int vault_store_make(int root, bool *made)
{
	struct fs_stat st;

	if (fs_stat_beneath(root, VAULT_FOLDER, &st) < 0)
		return -1;
	*made = st.kind == 0;
	return fs_mkdirs(root, VAULT_FOLDER, 0700);
}

static int store_shard(int root, int shard, bool create)
{
	char path[SHARD_PATH];
	int fd;

	shard_path(path, shard);
	fd = fs_open(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT && create && fs_mkdirs(root, path, 0700) == 0)
		fd = fs_open(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd;
}

int vault_store_write(int root, const uint8_t name[INDEX_VAULT_OBJECT], const uint8_t *p, size_t n,
                      const uint8_t sum[SHA256_SIZE])
{
	char text[VAULT_NAME_TEXT], unfinished[VAULT_NAME_TEXT + sizeof(STORE_UNFINISHED)];
	int dir = store_shard(root, name[9], true), fd, rc;

	if (dir < 0)
		return -1;
	store_name(text, name);
	(void)snprintf(unfinished, sizeof(unfinished), "%s" STORE_UNFINISHED, text);
	fd = fs_open(dir, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -1 : fs_pwrite_all(fd, p, n, 0);
	if (rc == 0)
		rc = fs_pwrite_all(fd, sum, SHA256_SIZE, (off_t)n);
	if (fd >= 0 && close(fd) < 0)
		rc = -1;
	if (rc == 0)
		rc = renameat(dir, unfinished, dir, text);
	if (rc < 0) {
		int error = errno;

		(void)unlinkat(dir, unfinished, 0);
		errno = error;
	}
	fs_close_keep_errno(dir);
	return rc;
}

int vault_store_mend(int root, const uint8_t name[INDEX_VAULT_OBJECT], size_t n, const uint8_t sum[SHA256_SIZE])
{
	char path[FILE_PATH];
	int fd, rc;

	file_path(path, name);
	fd = fs_open(root, path, O_WRONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return -1;
	rc = fs_pwrite_all(fd, sum, SHA256_SIZE, (off_t)n);
	fs_close_keep_errno(fd);
	return rc;
}

uint8_t *vault_store_read(int root, const uint8_t name[INDEX_VAULT_OBJECT], size_t *n, uint8_t *sum)
{
	char path[FILE_PATH];
	uint8_t *p;

	file_path(path, name);
	p = (uint8_t *)fs_read_file(root, path, OBJECT_SEALED_MAX + SHA256_SIZE, n);
	if (p != NULL && *n < SHA256_SIZE) {
		free(p);
		p = NULL;
		errno = EBADMSG;
	}
	if (p == NULL)
		return NULL;
	*n -= SHA256_SIZE;
	if (sum != NULL)
		memcpy(sum, p + *n, SHA256_SIZE);
	return p;
}

int vault_store_remove(int root, const uint8_t name[INDEX_VAULT_OBJECT])
{
	char text[VAULT_NAME_TEXT];
	int dir = store_shard(root, name[9], false), rc;

	if (dir < 0)
		return errno == ENOENT ? 0 : -1;
	store_name(text, name);
	rc = unlinkat(dir, text, 0);
	if (rc < 0 && errno == ENOENT)
		rc = 0;
	fs_close_keep_errno(dir);
	return rc;
}

int vault_store_sync(int root)
{
	int fd = fs_open(root, VAULT_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), rc;

	if (fd < 0)
		return -1;
	rc = syncfs(fd);
	fs_close_keep_errno(fd);
	return rc;
}

struct store_listing {
	int dir;
	int64_t before_ns;
	void (*fn)(void *arg, const struct vault_stored *file);
	void *arg;
};

static bool store_is_file(int dir, const char *text, struct fs_stat *st)
{
	return fs_stat_at(dir, text, st) == 0 && st->kind == S_IFREG;
}

static void store_listed(void *arg, const char *text)
{
	struct store_listing *l = arg;
	struct vault_stored file;
	size_t n = strlen(text), tail = sizeof(STORE_UNFINISHED) - 1;
	struct fs_stat st;

	if (!store_is_file(l->dir, text, &st) || st.mtime_ns >= l->before_ns)
		return;
	file.size = st.size - SHA256_SIZE;
	file.mtime_ns = st.mtime_ns;
	if (name_parse(file.name, text) == 0)
		l->fn(l->arg, &file);
	else if (n > tail && strcmp(text + n - tail, STORE_UNFINISHED) == 0)
		(void)unlinkat(l->dir, text, 0);
}

void vault_store_list(int root, int shard, int64_t before_ns, void (*fn)(void *arg, const struct vault_stored *file),
                      void *arg)
{
	struct store_listing l = { store_shard(root, shard, false), before_ns, fn, arg };

	if (l.dir < 0)
		return;
	fs_each_name(l.dir, "", store_listed, &l);
	close(l.dir);
}

struct store_sum {
	int dir;
	int64_t bytes;
};

static void store_add(void *arg, const char *text)
{
	struct store_sum *sum = arg;
	uint8_t name[INDEX_VAULT_OBJECT];
	struct fs_stat st;

	if (name_parse(name, text) == 0 && store_is_file(sum->dir, text, &st) && st.size > SHA256_SIZE)
		sum->bytes += st.size - SHA256_SIZE;
}

int64_t vault_store_bytes(int root, int shard)
{
	struct store_sum sum = { store_shard(root, shard, false), 0 };

	if (sum.dir < 0)
		return 0;
	fs_each_name(sum.dir, "", store_add, &sum);
	close(sum.dir);
	return sum.bytes;
}
