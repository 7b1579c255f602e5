/* What each role may do. Pure: one table answers every such question, so that a role is given or denied a right in
 * one place. Ask for the right, never for the role: rights_has(), or roster_may() where an agent ID is at hand.
 *
 * A record is judged by the role of the peer that brings it, as the roster stands at that moment; that peer vouches
 * for it. The role of its author is not asked: a member that took a record before its author was demoted or removed
 * keeps it, and one that refused it afterwards would never be identical again. A reader's own record stays out all
 * the same, since no member takes it to forward it. */
#ifndef LANYARD_SYNC_GROUP_RIGHTS_H
#define LANYARD_SYNC_GROUP_RIGHTS_H

#include <stdbool.h>

/* Stored in rosters and invites: the numbers stay. */
enum role {
	ROLE_NONE,
	ROLE_OWNER,
	ROLE_MEMBER,
	ROLE_READER,
	ROLE_VAULT,
	ROLE_INVITED = ROLE_MEMBER, /* what an invite gives by default */
};

enum right {
	RIGHT_TAKE_PART, /* to connect, and to exchange the roster and addresses: to be in the group at all */
	RIGHT_READ,      /* to be sent records and content that it can read */
	RIGHT_WRITE,     /* to bring records that change what others have */
	RIGHT_KEYS,      /* to hold the keys of a sealed group */
	RIGHT_STORE,     /* to be sent sealed content, which it keeps for others */
	RIGHT_ADMIT,     /* to let in the bearer of an invite */
	RIGHT_INVITE,    /* to sign invites */
	RIGHT_OWN,       /* to decide who belongs to the group, in which role */
	RIGHTS
};

bool rights_has(enum role role, enum right right);

const char *role_name(enum role role);
/* -1 unless name is one of a role; "none" is not. */
int role_parse(const char *name, enum role *role);

#endif
