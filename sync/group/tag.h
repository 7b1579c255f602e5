/* The tag by which a hello offers a group: only an agent that knows the group's ID can tell, and it differs on
 * every connection. */
#ifndef LANYARD_SYNC_GROUP_TAG_H
#define LANYARD_SYNC_GROUP_TAG_H

#include "sync/group/id.h"

enum { GROUP_TAG_LEN = 16 };

/* HMAC-SHA256 (RFC 2104), key = group ID, of "lanyard hello" || sender's agent ID || binding, first 16 bytes. */
void tag_hello(uint8_t tag[GROUP_TAG_LEN], const struct group_id *group, const struct agent_id *sender,
               const uint8_t binding[32]);

#endif
