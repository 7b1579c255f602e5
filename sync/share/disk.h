/* What the disk under a share cannot do, found out by trying it in .lanyard/parts/: people are told, and what it makes of modes and
 * times is not taken for their doing. Trying is for a worker; the rest is pure. */
#ifndef LANYARD_SYNC_SHARE_DISK_H
#define LANYARD_SYNC_SHARE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/record.h"

struct disk {
	bool no_modes;        /* it shows another mode than was set, or refuses to set one */
	bool no_times;        /* it refuses to set times, or shows others */
	int64_t time_step_ns; /* times are rounded down to multiples of it; 1: not at all */
	bool no_far_times;    /* not after January 2038 */
	bool no_exchange;     /* two names cannot change places in one step */
	bool no_safe_rename;  /* nor can a rename, or a link, refuse a name that is taken */
	bool no_symlinks;
	bool folds_case;     /* upper and lower case are one name */
	bool no_folder_sync; /* a folder cannot be synced */
	size_t name_max;     /* bytes of the longest name */
	/* Not the disk's, but its share's: several people of the owning group write here (setgid and g+w on the root). So the
	 * group may do what the owner may with all that comes, and its bits are nobody else's. */
	bool shared;
	bool no_default_acl; /* shared, but what people make lets the others write only as their umask has it */
	bool other_group;    /* shared, but what comes is another group's */
};

/* parts: the folder. What cannot be tried (it is full, say) counts as can. */
void disk_probe(int parts, struct disk *d);
/* Whether what is seen, of the same content, may be what the disk made of what was asked. */
bool disk_explains(const struct disk *d, const struct record *asked, const struct record *seen);
/* What a mode that is asked for becomes here / what is told of one that is seen here. d: NULL is a disk that can all. */
uint32_t disk_mode_kept(const struct disk *d, enum record_kind kind, uint32_t mode);
uint32_t disk_mode_announced(const struct disk *d, enum record_kind kind, uint32_t mode);
/* Worker. root: whether several people share the folder; if so, that what they make there lets the others write, whatever
 * their umask is (a default ACL, acl(5)), and that what comes, which is made in parts, is their group's, as far as the agent
 * may see to that. Sets shared, no_default_acl and other_group. */
void disk_check_shared(int root, int parts, struct disk *d);
/* The mode that is told of what was made on a disk without modes; 0 for symlinks. */
uint32_t disk_mode_default(enum record_kind kind);
/* Each lack in words, with what becomes of it, and its cure where there is one; NULL behind the last one. */
enum { DISK_LACKS_MAX = 12 };
const char *disk_lack(const struct disk *d, size_t i);

#endif
