/* Shared by hash.c (the public calls, small files), hash_large.c, hash_known.c and hash_file.c. Nobody else includes
 * this. The loop's thread, unless a function says otherwise. */
#ifndef LANYARD_SYNC_HASH_HASH_INTERNAL_H
#define LANYARD_SYNC_HASH_HASH_INTERNAL_H

#include "sync/hash/hash.h"

struct hash_large;

struct hash {
	struct workers *workers;
	const struct chunk_rule *rule;
	const struct hash_ops *ops;
	void *arg;
	bool freed;                  /* hash_free was called: ends with the last job */
	struct share_handle *handle; /* of the files in `small` that no job has yet; NULL when there are none */
	struct hash_file *small;     /* oldest first */
	size_t nsmall;
	struct hash_large *large; /* oldest first */
	int small_out;            /* jobs out */
	int large_out;
	size_t pending;
};

/* --- hash_file.c --- */
/* Any thread: what became of a file that was `before` when it was opened and is `after` now that it has been read. */
enum hash_status hash_compare(const struct fs_stat *before, const struct fs_stat *after);
/* Any thread: sets the status of a file whose open or read failed with this errno. */
void hash_fail(struct hash_file *f, int error);
/* Gives f back to the caller, or drops it if the hash was freed. The callback may free h: do not use it afterwards
 * unless a job is counted. */
void hash_finish(struct hash *h, struct hash_file *f);
/* After a job came back: if h was freed and this was its last job, frees it and returns true. */
bool hash_ended(struct hash *h);

/* --- hash_known.c --- */
struct hash_known_at {
	uint32_t block; /* of the list: the next to compare, */
	int64_t pos;    /* and where it begins */
	int64_t read;   /* bytes that the last call read */
};
/* Whether there is a known list, and the file has its size. */
bool hash_known_fits(const struct hash_file *f);
/* Any thread: compares the next `most` bytes or a little more. 1: they are the known ones (all of them, when at->block
 * is the list's end); 0: they are not; -1 with errno. */
int hash_known_compare(int fd, const struct hash_file *f, struct hash_known_at *at, int64_t most);
/* The content is the known one. */
void hash_known_take(struct hash_file *f);

/* --- hash_large.c --- */
void hash_large_add(struct hash *h, struct share_handle *g, struct hash_file *f);
void hash_large_pump(struct hash *h);
/* h was freed: drops the files that no job works on. The others are dropped with their last job. */
void hash_large_drop(struct hash *h);

#endif
