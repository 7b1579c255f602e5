/* What hash.c (small files) and hash_large.c share. Nobody else includes this. */
#ifndef LANYARD_SYNC_LOCAL_HASH_INTERNAL_H
#define LANYARD_SYNC_LOCAL_HASH_INTERNAL_H

#include "sync/local/hash.h"

struct hash_large;

/* A file waiting for a job. */
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

/* O_NOATIME where the file is ours, since reading it must not look like use. */
int hash_open(int dirfd, const char *name);
/* What became of a file that was opened when it was `before`. */
enum hash_status hash_compare(const struct fs_stat *before, const struct fs_stat *after);
/* The status of a failed open or read. */
void hash_fail(struct hash_file *f, int error);
/* f goes back to the caller, or is dropped. */
void hash_finish(struct hash *h, struct hash_file *f);
/* After a job came back: frees h when it was the last one of a freed hash, and says so. */
bool hash_ended(struct hash *h);

void hash_large_add(struct hash *h, struct share_handle *g, struct hash_file *f);
void hash_large_pump(struct hash *h);
/* Drops the files that no job works on. */
void hash_large_free(struct hash *h);

#endif
