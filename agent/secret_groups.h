/* Groups that machines form by their settings alone, by a secret that all of them have (sync/group/group_secret.h). The
 * agent whose name the settings give as `founder` founds the group and owns it; the others ask to join a group of that
 * name, and an owner's agent lets them in as soon as it has seen their proof. So machines with the same settings come
 * together in one group, in whatever order they start:
 *
 * - Only the named agent founds, and only after it has looked for a group of that name on the network. So it founds no
 *   second one when its home is lost or the group was founded by hand.
 * - A group that is here already stays as it is: a later start founds nothing.
 * - Nobody joins a group whose founder did not have the secret, however it is called.
 * - An agent that an owner has removed is not let in again.
 *
 * The loop's thread. */
#ifndef LANYARD_AGENT_SECRET_GROUPS_H
#define LANYARD_AGENT_SECRET_GROUPS_H

#include "agent/agent.h"
#include "agent/config/config.h"

struct secret_groups;

/* All must outlive it. */
struct secret_groups *secret_groups_new(struct loop *loop, struct agent *agent, struct events *events);
void secret_groups_free(struct secret_groups *s);
/* From now on those that c names. What cannot be read is logged, and does not affect the others. */
void secret_groups_set(struct secret_groups *s, const struct config *c);
/* The secret that the settings name, checked; fresh. NULL with *why; *absent: there is no such file. *why NULL: it is a
 * credential, and the service manager passes none. */
char *secret_groups_read(const struct config_group *g, const char *path, bool *absent, char **why);

#endif
