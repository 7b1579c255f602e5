/* Asking to join a group without an invite: the stranger's side. Knows nothing of the group but its public tag; asks
 * every agent that it is connected with, and tries every address that peers_found() brings. Members carry the request
 * to the owners; see sync/group/requests.h. The loop's thread.
 *
 * What it believes: a member's salt (its code shows whether it is true), and a roster that hashes to the tag it asked
 * for and in which an owner has added us. A "no" proves nothing, since anybody may say so: it counts once no agent
 * that it is connected with says otherwise. */
#ifndef LANYARD_SYNC_PEER_ASKER_H
#define LANYARD_SYNC_PEER_ASKER_H

#include "sync/group/request_entry.h"
#include "sync/peer/peers.h"

enum {
	ASKER_CODES_MAX = 4,
	ASKER_SAVED_MAX = ASKER_CODES_MAX * (REQUEST_ENTRY_MAX + 64) + 256,
};

struct asker;

enum asker_state {
	ASKER_LOOKING,  /* no member has answered yet: there is no code */
	ASKER_WAITING,  /* a member carries the request */
	ASKER_ACCEPTED, /* a member says so; its roster is on its way */
	ASKER_REJECTED, /* by an owner: may ask again. It has stopped */
	ASKER_BARRED,   /* by an owner, for good. It has stopped */
	ASKER_EXPIRED,  /* nobody decided for REQUESTS_DAYS. It has stopped */
};

struct asker_config {
	struct group_tag tag;
	const char *message; /* for the owners; "": none. What is too long or not printable is left out */
	/* What asker_save() gave in an earlier run, so that the code stays the same; NULL: a new request. */
	const uint8_t *saved;
	size_t nsaved;
	/* State, codes or note have changed: to be saved and shown. Not during asker_new(). */
	void (*changed)(void *arg);
	/* We are a member. The callee takes over the roster, which says so, and calls asker_free() now or later; it has
	 * stopped asking. */
	void (*accepted)(void *arg, struct roster *roster);
	void *arg;
};

/* Begins to ask. Several can be under way, of different groups. Before peers_free() all must be freed. */
struct asker *asker_new(struct peers *p, const struct asker_config *config);
void asker_free(struct asker *a);
/* Appends all that must outlive a restart. The stopped states are kept as well: a stopped one asks nobody. */
void asker_save(const struct asker *a, struct bytes *out);
const struct group_tag *asker_tag(const struct asker *a);

struct asker_status {
	enum asker_state state;
	/* Usually one. There are more if agents that are not members answered too: a member does not take over the
	 * request that such an agent gave a salt for. The latest first. */
	char codes[ASKER_CODES_MAX][REQUEST_CODE_TEXT];
	size_t ncodes;
	size_t carriers;  /* connected agents that say they carry it */
	int64_t since_s;  /* wall clock: when it was first asked */
	const char *note; /* what keeps us outside, for people; NULL: nothing to add. The asker's */
};
void asker_status(const struct asker *a, struct asker_status *s);

#endif
