/* What the keys of one agent open on a copy of a vault's disk, with nothing asked of any other agent and no rule of the
 * product minded: a former member may write such a program. Every secret that the agent holds, or finds in a letter at
 * the vault, is tried on every object and core, as if it were that of the generation which the head names.
 *
 * old_keys HOME VAULT INDEX OUT: the agent's home; the vault's folder of objects and its index.db; a folder for what
 * was opened. Prints a line for each: "object FILE opened", "core NUMBER closed", "letter NUMBER closed". */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/seal/core.h"
#include "sync/seal/envelope.h"
#include "sync/seal/keyring.h"
#include "sync/seal/object.h"

enum { SECRETS_MAX = 4096, SUM = 32 };

static struct group_id group;
static struct keys_about about; /* except its ID */
static struct identity *self;
static uint8_t secrets[SECRETS_MAX][KEYS_SECRET_LEN];
static size_t nsecrets;
static int out_dir;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

#define MUST(good, what)           \
	do {                       \
		if (!(good))       \
			die(what); \
	} while (0)

static void secret_add(const uint8_t secret[KEYS_SECRET_LEN])
{
	for (size_t i = 0; i < nsecrets; i++) {
		if (memcmp(secrets[i], secret, KEYS_SECRET_LEN) == 0)
			return;
	}
	MUST(nsecrets < SECRETS_MAX, "too many secrets");
	memcpy(secrets[nsecrets++], secret, KEYS_SECRET_LEN);
}

static struct keys *keys_as(size_t secret, uint64_t generation)
{
	struct keys_about as = about;
	struct keys *k;

	as.id = generation;
	k = keys_new(&group, &as, secrets[secret]);
	MUST(k != NULL, "keys");
	return k;
}

static void say(const char *what, const char *name, bool opened)
{
	(void)printf("%s %s %s\n", what, name, opened ? "opened" : "closed");
}

static void keep(const char *name, const void *p, size_t n)
{
	int fd = openat(out_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	MUST(fd >= 0 && write(fd, p, n) == (ssize_t)n, name);
	(void)close(fd);
}

/* --- the agent --- */

static void read_home(const char *home)
{
	char path[4096], head[KEYRING_HEAD], *why = NULL;
	int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file;
	struct keyring *ring;
	struct dirent *e;
	DIR *dir;

	MUST(fd >= 0, home);
	self = identity_open(fd, &why);
	MUST(self != NULL, "key.pem");
	(void)snprintf(path, sizeof(path), "%s/groups", home);
	dir = opendir(path);
	MUST(dir != NULL, path);
	do
		e = readdir(dir);
	while (e != NULL && e->d_name[0] == '.');
	MUST(e != NULL, path);
	(void)snprintf(path, sizeof(path), "groups/%s/keys.bin", e->d_name);
	(void)closedir(dir);
	file = openat(fd, path, O_RDONLY | O_CLOEXEC);
	MUST(file >= 0 && read(file, head, sizeof(head)) == (ssize_t)sizeof(head), path);
	(void)close(file);
	memcpy(group.b, head + 9, sizeof(group.b));
	MUST(keyring_load(&ring, &group, fd, path) == KEYRING_OK, path);
	for (size_t i = 0; i < keyring_count(ring); i++) {
		about = *keys_about(keyring_at(ring, i));
		secret_add(keys_secret(keyring_at(ring, i)));
	}
	keyring_free(ring);
	(void)close(fd);
}

/* --- the disk --- */

static void try_object(const char *path, const char *name)
{
	static uint8_t sealed[OBJECT_SEALED_MAX + SUM], copy[OBJECT_SEALED_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct object_head head;
	bool opened = false;
	ssize_t n;

	MUST(fd >= 0, path);
	n = read(fd, sealed, sizeof(sealed));
	MUST(n > SUM, path);
	n -= SUM; /* the vault's checksum */
	MUST(object_parse(&head, sealed, (size_t)n) == OBJECT_OK, path);
	(void)close(fd);
	for (size_t i = 0; i < nsecrets && !opened; i++) {
		struct keys *k = keys_as(i, head.self.generation);
		struct object_plain plain;

		memcpy(copy, sealed, (size_t)n);
		opened = object_open(k, head.kind, &head.self, copy, (size_t)n, &plain) == OBJECT_OK;
		if (opened)
			keep(name, plain.p, plain.n);
		object_plain_free(&plain);
		keys_free(k);
	}
	say("object", name, opened);
}

static void try_core(const char *number, const void *p, size_t n)
{
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);
	bool opened = false;
	struct core c;

	MUST(core_parse(&c, p, n) == CORE_OK, "core");
	for (size_t i = 0; i < nsecrets && !opened; i++) {
		struct keys *k = keys_as(i, c.head.generation);

		bytes_clear(&record);
		opened = core_open(k, &c, &record) == CORE_OK;
		keys_free(k);
	}
	if (opened)
		keep(number, record.p, record.len);
	say("core", number, opened);
	core_clear(&c);
	bytes_free(&record);
}

/* Whoever it is for. */
static void try_letter(const char *number, const void *p, size_t n)
{
	struct envelope_contents inside;
	struct envelope e;
	bool opened;

	MUST(envelope_parse(&e, &group, p, n) == ENVELOPE_OK, "letter");
	e.recipient = *identity_id(self);
	opened = envelope_open(&e, &group, self, &inside) == ENVELOPE_OK;
	for (size_t i = 0; opened && i < inside.nkeys; i++)
		secret_add(inside.keys[i].secret);
	envelope_wipe(&inside);
	say("letter", number, opened);
}

static void each_row(sqlite3 *db, const char *sql, void (*try)(const char *number, const void *p, size_t n))
{
	sqlite3_stmt *s;

	MUST(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK, sql);
	while (sqlite3_step(s) == SQLITE_ROW)
		try((const char *)sqlite3_column_text(s, 0), sqlite3_column_blob(s, 1),
		    (size_t)sqlite3_column_bytes(s, 1));
	sqlite3_finalize(s);
}

static void each_object(const char *store)
{
	for (int shard = 0; shard < 256; shard++) {
		char path[4096];
		struct dirent *e;
		DIR *dir;

		(void)snprintf(path, sizeof(path), "%s/%02x", store, (unsigned)shard);
		dir = opendir(path);
		while (dir != NULL && (e = readdir(dir)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			(void)snprintf(path, sizeof(path), "%s/%02x/%s", store, (unsigned)shard, e->d_name);
			try_object(path, e->d_name);
		}
		if (dir != NULL)
			(void)closedir(dir);
	}
}

int main(int argc, char **argv)
{
	sqlite3 *db;

	MUST(argc == 5, "old_keys HOME VAULT INDEX OUT");
	out_dir = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(out_dir >= 0, argv[4]);
	read_home(argv[1]);
	MUST(sqlite3_open_v2(argv[3], &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, argv[3]);
	/* What a letter gives is tried on all. */
	each_row(db, "SELECT row_number() OVER (), envelope FROM vault_mail", try_letter);
	each_row(db, "SELECT seq, core FROM vault_cores", try_core);
	each_object(argv[2]);
	sqlite3_close(db);
	identity_free(self);
	return 0;
}
