/* What a vault keeps, in the same index.db: sealed records (cores), the objects that they need and who needs them, and
 * mail. It knows names, sizes and digests, and nothing of what is inside. Functions return as those of index.h do, and
 * callbacks must not write. For the loop's thread. */
#ifndef LANYARD_SYNC_INDEX_INDEX_VAULT_H
#define LANYARD_SYNC_INDEX_INDEX_VAULT_H

#include "sync/index/index.h"

enum {
	INDEX_VAULT_OBJECT = 1 + 8 + 32, /* bytes of an object's name: kind, generation, name */
	INDEX_VAULT_PATH = 8 + 32,       /* bytes of a path's: generation, path ID */
};

struct index_vault_totals {
	int64_t rows, objects, bytes; /* cores; objects that are here; the bytes of all these */
};
/* Kept up to date with each write. */
struct index_vault_totals index_vault_totals(const struct index *index);

/* --- cores: each has a number of ours, as rows have --- */
struct index_vault_core {
	uint64_t seq;
	int64_t path;
	uint8_t name[32]; /* SHA-256 of the core */
	bool deleted;
	uint64_t generation;
	uint8_t endorser[32]; /* its agent's ID */
	int64_t superseded;   /* since when (seconds) another version includes it; 0: it stands */
	int64_t at;           /* when it came (seconds) */
	int64_t bytes;        /* of it and its endorsement; index_vault_put() sets it */
	const uint8_t *core, *endorsement;
	size_t ncore, nendorsement;
};

/* The number of the path that has any of these IDs (n of 1 or more); from then on it has all of them, and paths that
 * they join become the one with the smallest number. 0: unknown, and not made; -1. */
int64_t index_vault_path(struct index *index, const uint8_t (*ids)[INDEX_VAULT_PATH], size_t n, bool make);
/* Deletes the IDs of a path that has no cores. 0, -1. */
int index_vault_path_forget(struct index *index, int64_t path);
/* Inserts a core under the next number, which it sets as it does its time, counts its refs up, and marks nbeats other
 * cores as superseded, all in one transaction. -1 with EINVAL, and nothing written, if an object is not here. Its name
 * must be new. */
int index_vault_put(struct index *index, struct index_vault_core *c, const uint8_t (*refs)[INDEX_VAULT_OBJECT],
                    size_t nrefs, const uint64_t *beats, size_t nbeats, int64_t now_s);
/* Deletes a core and counts its refs down. The IDs of a path go with its last core. */
int index_vault_remove(struct index *index, uint64_t seq, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs,
                       int64_t now_s);
/* Gives a core the next number. 0, also if there is none; -1. */
int index_vault_renumber(struct index *index, uint64_t seq);
/* Calls fn with each core of a path, superseded ones too, until fn returns false. 0, -1. */
int index_vault_at(struct index *index, int64_t path, bool (*fn)(void *arg, const struct index_vault_core *c),
                   void *arg);
/* Calls fn with at most max cores above `after`, by number, until fn returns false. How many, or -1. */
int index_vault_since(struct index *index, uint64_t after, int max,
                      bool (*fn)(void *arg, const struct index_vault_core *c), void *arg);
/* Calls fn with at most max superseded cores, those first that have been so for the longest. How many, or -1. */
int index_vault_old(struct index *index, int max, bool (*fn)(void *arg, const struct index_vault_core *c), void *arg);

/* The same with tombstones that came at before_s or earlier and stand. */
int index_vault_tombstones(struct index *index, int64_t before_s, int max,
                           bool (*fn)(void *arg, const struct index_vault_core *c), void *arg);

/* --- objects --- */
struct index_vault_object {
	uint8_t name[INDEX_VAULT_OBJECT];
	int64_t size; /* of its file */
	uint8_t sum[32];
	int64_t refs; /* cores, pages and patches that need it */
	int64_t dead; /* since when (seconds) there are none; 0: there are */
	bool gone;    /* its file is missing or bad */
	int64_t id;   /* of its row, for index_vault_objects() */
	bool needs;   /* it has refs: a page, or a block in the form of a patch */
};
/* 1 and *o; 0: unknown; -1. */
int index_vault_object_get(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT], struct index_vault_object *o);
/* Inserts an object that nothing needs yet, and counts its refs up; or brings one back that was gone. A page then has
 * the refs that it had. A block has none, or its bases if it is a patch, whatever it had: each has to be a block that
 * is here and needs nothing itself. -1 with EINVAL, and nothing written, if the object is here, if a ref is not, or if
 * these are not the refs that it may have. */
int index_vault_object_put(struct index *index, const struct index_vault_object *o,
                           const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs, int64_t now_s);
/* Deletes one that nothing needs, and counts its refs down. -1 with EINVAL if something does. */
int index_vault_object_remove(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT], int64_t now_s);
/* The refs of an object: *n, fresh; NULL if there are none, or after a failure. */
uint8_t (*index_vault_object_refs(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT],
                                  size_t *n))[INDEX_VAULT_OBJECT];
/* Whether all n are here. 1, 0, -1. */
int index_vault_refs_here(struct index *index, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t n);
/* Its file is missing or bad: it is to come again. */
int index_vault_object_lose(struct index *index, const uint8_t name[INDEX_VAULT_OBJECT]);
/* Whether any object that is needed is gone. True if that cannot be read. */
bool index_vault_lacks(struct index *index);
/* Calls fn with at most max objects that nothing needs since before_s. How many, or -1. */
int index_vault_dead(struct index *index, int64_t before_s, int max,
                     bool (*fn)(void *arg, const struct index_vault_object *o), void *arg);
/* Calls fn with at most max objects whose ID is above `after`, by ID. How many, or -1. */
int index_vault_objects(struct index *index, int64_t after, int max,
                        bool (*fn)(void *arg, const struct index_vault_object *o), void *arg);

/* --- mail: one envelope of each sender for each recipient --- */
int index_vault_mail_put(struct index *index, const uint8_t to[32], const uint8_t from[32], int64_t now_s,
                         const uint8_t *p, size_t n);
/* Calls fn with what lies here for an agent, or (to NULL) for all, until fn returns false. 0, -1. */
int index_vault_mail(struct index *index, const uint8_t to[32],
                     bool (*fn)(void *arg, const uint8_t to[32], const uint8_t from[32], const uint8_t *p, size_t n),
                     void *arg);
/* Deletes all mail to and from an agent. */
int index_vault_mail_forget(struct index *index, const uint8_t agent[32]);

#endif
