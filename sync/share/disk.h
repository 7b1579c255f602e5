/* The limits of the disk under a share, found by trying in .lanyard/parts/. `status` names them, and a mode or time
 * that the disk changed is not taken for a user's change. Probing is for a worker; the rest touches no disk. */
#ifndef LANYARD_SYNC_SHARE_DISK_H
#define LANYARD_SYNC_SHARE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/record.h"

struct disk {
	bool no_modes;        /* a mode that is set is refused, or reads back differently */
	bool no_times;        /* the same of times */
	int64_t time_step_ns; /* times are rounded down to multiples of it; 1: not at all */
	bool no_far_times;    /* none after January 2038 */
	bool no_exchange;     /* two names cannot be exchanged in one step */
	bool no_safe_rename;  /* neither a rename nor a link refuses a name that is taken */
	bool no_symlinks;
	bool folds_case;     /* names that differ in case only are one name */
	bool no_folder_sync; /* a folder cannot be synced */
	bool no_mounts;      /* the kernel does not tell what is mounted within the share */
	size_t name_max;     /* bytes of the longest name */
	/* A property of the share rather than the disk: several people of the owning group write here (setgid and g+w
	 * on the root). The group may then do what the owner may with every file that is installed, and its bits are
	 * not announced. */
	bool shared;
	bool no_default_acl; /* shared, but the umask of whoever makes a file decides whether others may write it */
	bool other_group;    /* shared, but installed files belong to another group */
};

/* Worker. parts: the folder's descriptor. A limit that cannot be tried (the disk is full, say) counts as absent. */
void disk_probe(int parts, struct disk *d);
/* Whether the disk may have turned the mode and mtime that were asked for into those that are seen, of the same
 * content. */
bool disk_explains(const struct disk *d, const struct record *asked, const struct record *seen);
/* The mode that a requested one becomes here / that is announced for one seen here. d: NULL is a disk without
 * limits. */
uint32_t disk_mode_kept(const struct disk *d, enum record_kind kind, uint32_t mode);
uint32_t disk_mode_announced(const struct disk *d, enum record_kind kind, uint32_t mode);
/* Worker. Sets d->shared from root's mode. A shared folder gets a default ACL (acl(5)), so that each person's files let
 * the others write whatever the umask, and parts/, where installed files are made, gets the owning group;
 * no_default_acl and other_group say where the agent may not do that. */
void disk_check_shared(int root, int parts, struct disk *d);
/* The mode announced for a file or folder that was made on a disk without modes; 0 for symlinks. */
uint32_t disk_mode_default(enum record_kind kind);
/* The i-th limit in words, with its effect, and the fix where there is one; NULL after the last one. */
enum { DISK_LACKS_MAX = 13 };
const char *disk_lack(const struct disk *d, size_t i);

#endif
