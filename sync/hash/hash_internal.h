/* Shared by hash.c (the public calls, small files), hash_large.c and hash_file.c. Nobody else includes this. The loop's
 * thread, unless a function says otherwise. */
#ifndef LANYARD_SYNC_HASH_HASH_INTERNAL_H
#define LANYARD_SYNC_HASH_HASH_INTERNAL_H

#include "sync/hash/hash.h"

struct hash_large;

struct hash {
	struct workers *workers;
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

/* --- hash_large.c --- */
void hash_large_add(struct hash *h, struct share_handle *g, struct hash_file *f);
void hash_large_pump(struct hash *h);
/* h was freed: drops the files that no job works on. The others are dropped with their last job. */
void hash_large_drop(struct hash *h);

#endif
