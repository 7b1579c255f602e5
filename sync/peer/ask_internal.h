/* Asking to join without an invite, shared by its files:
 *
 *   ask_budget.c   how much strangers may ask, and members may bring
 *   ask_out.c      what members tell strangers that ask, and one another
 *   ask_in.c       what strangers ask, and members bring
 *   asker_book.c   what we ask for ourselves, and of whom
 *   asker_join.c   accepted: the roster is fetched
 *   asker.c        the rest of the asker's side, and its door (asker.h)
 *
 * Each calls only those above it. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_ASK_INTERNAL_H
#define LANYARD_SYNC_PEER_ASK_INTERNAL_H

#include "sync/peer/asker.h"
#include "sync/peer/peers_internal.h"

enum {
	ASK_SALTS_PER_HOUR = 60,   /* that we give for one group, and that we take */
	ASK_SALTS_OF_ADDRESS = 8,  /* of these to or from one address (IPv6: /64) */
	ASK_NETWORKS_MAX = 256,    /* addresses that are remembered for that */
	ASK_BROUGHT_AT_ONCE = 512, /* unknown entries that one member may bring */
	ASK_BROUGHT_MS = 500,      /* and one more each */
	ASK_OF_SESSION = 4,        /* groups that one stranger may ask for */
	ASK_AT_ONCE = 8,           /* messages of one stranger */
	ASK_MS = 5000,             /* and one more each */
	ASK_ANSWERS_AT_ONCE = 64,  /* that we take of one agent */
	ASK_ANSWERS_MS = 5000,     /* and one more each */
	ASK_HELD_MAX = 32,         /* strangers whose connections stay while they wait */
	ASK_JOB_ENTRIES = 64,
};

/* --- ask_budget.c: times are the loop's, in milliseconds --- */
struct ask_budget;

struct ask_budget *ask_budget_new(void);
void ask_budget_free(struct ask_budget *b);
/* The host of a link's address, without port, brackets and zone. */
void ask_budget_host(char out[REQUEST_ADDRESS_MAX + 1], const char *address);
/* Uses one salt for this host; false: none is left. */
bool ask_budget_salt(struct ask_budget *b, const char *address, int64_t now_ms);
/* Lets a member bring one entry more. */
bool ask_budget_entry(struct ask_budget *b, uint64_t peer, int64_t now_ms);
/* Whether one more may come where `at_once` may come together and one more each `every_ms`; *used_ms: state. */
bool ask_budget_take(int64_t *used_ms, int64_t at_once, int64_t every_ms, int64_t now_ms);

/* --- ask_out.c --- */
struct asks {
	struct ask_budget *budget;
	struct loop_timer *timer; /* requests expire; runs while there are some */
};

/* A stranger that asks for a group. */
struct asking {
	struct asking *prev, *next; /* of the session */
	struct session *session;
	struct peer_group *group;
	uint8_t commitment[MSG_SALT_LEN], salt[MSG_SALT_LEN];
	bool salted;    /* it was given the salt, and has not revealed yet */
	uint64_t made;  /* the number of its latest request; 0: none */
	uint64_t shown; /* of the latest whose paper it has; 0: none */
	bool told;      /* told_state was the last answer */
	enum msg_ask_state told_state;
	int64_t told_ms;
};

void ask_out_start(struct peer_group *g);
void ask_out_stop(struct peer_group *g);
/* The group that a stranger means by this tag, if he may ask for it; otherwise NULL. */
struct peer_group *ask_out_group(struct peers *p, const uint8_t tag[MSG_TAG_LEN]);
bool ask_out_is_asked(struct peers *p);
void ask_out_answer(struct session *s, const struct msg_ask_answer *m);
/* Tells the stranger how its request stands, if that is new to it. False when there is nothing to tell. */
bool ask_out_tell(struct asking *a);
/* The mailbox has new entries, or the roster has changed: judges, has it saved, tells members and strangers. */
void ask_out_settle(struct peer_group *g);
/* A talk between members has opened: shows the peer what we have. */
void ask_out_opened(struct talk *t);
/* Everything, unless it was sent already. */
void ask_out_all(struct talk *t);
/* Whether the stranger's connection stays although it shows no membership. */
bool ask_out_holds(const struct session *s, int64_t now_ms);
void ask_out_session_end(struct session *s);

/* --- ask_in.c. None ends the session at once. --- */
void ask_in_ask(struct session *s, const struct msg_ask *m);
void ask_in_reveal(struct session *s, const struct msg_ask_reveal *m);
void ask_in_requests(struct talk *t, const struct msg_requests *m);

/* --- asker_book.c --- */

/* One connection on which we ask. */
struct asker_talk {
	struct asker_talk *prev, *next;
	struct session *session;
	bool asked, answered;     /* asked: it need not be asked now; answered: the last question */
	enum msg_ask_state state; /* the last answer; MSG_ASK_NO before */
	uint8_t r[REQUEST_NONCE];
	bool revealed; /* r was: no other salt is answered with it */
	int64_t asked_ms;
	int64_t heard_ms; /* of the budget for answers */
};

/* A request of ours, with its giver's signature. */
struct asker_paper {
	uint8_t *entry; /* owned */
	size_t n;
	struct request_entry e;
	char host[REQUEST_ADDRESS_MAX + 1]; /* of its giver */
};

struct asker {
	struct peers *peers;
	struct asker *prev, *next;
	struct asker_config config;
	char *message, *note;
	enum asker_state state; /* once it has stopped */
	bool stopped;
	struct asker_paper papers[ASKER_CODES_MAX]; /* the latest first */
	size_t npapers;
	uint64_t number; /* the greatest that was ever used */
	int64_t since_s;
	int64_t no_ms; /* when the first "no" came that still stands; 0: none stands */
	struct asker_talk *talks;
	struct ask_budget *budget; /* of the salts that we answer */
	struct loop_timer *tick;   /* runs until it has stopped */
	struct loop_timer *tell;   /* config.changed is called from it */
	struct asker_join *join;   /* NULL: not accepted */
};

/* Whether we ask for anything. */
bool asker_book_active(const struct peers *p);
/* The connection ends. */
void asker_book_session_end(struct session *s);
/* We ask on this connection, and were not sent away. */
bool asker_book_holds(const struct session *s);
struct asker_talk *asker_book_talk(struct asker *a, const struct session *s);
/* Takes in an entry of ours, as the latest; host: of its giver. Where there is no room, the oldest of the host that has
 * given most goes. False unless it is ours, signed, and of a member's key. */
bool asker_book_keep(struct asker *a, const uint8_t *entry, size_t n, const char *host);
/* The reverse of asker_save(); what is damaged is left out. */
void asker_book_load(struct asker *a, const uint8_t *p, size_t n);
void asker_book_changed(struct asker *a);
/* note: taken over. */
void asker_book_note(struct asker *a, char *note);
void asker_book_free(struct asker *a);

/* --- asker_join.c --- */
/* A member says that this group, whose tag is the asker's, has accepted us. */
void asker_join_begin(struct asker *a, const struct group_id *group);
void asker_join_end(struct asker *a);
/* Whether it has taken too long. */
bool asker_join_is_late(const struct asker *a);

/* --- asker.c; see also asker.h --- */
/* The other side has said hello. */
void asker_session_up(struct session *s);
void asker_answer_in(struct session *s, const struct msg_ask_answer *m);

#endif
