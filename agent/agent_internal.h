/* What agent.c and agent_groups.c share. */
#ifndef LANYARD_AGENT_AGENT_INTERNAL_H
#define LANYARD_AGENT_AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/machine.h"
#include "agent/engine_internal.h"
#include "base/loop.h"

enum { AGENT_MAX_GROUPS = 64 };

/* A group's name that somebody announces. */
struct sighting {
	struct sighting *prev, *next;
	char *name;
	char *agent;
};

struct agent {
	struct loop *loop;
	struct workers *workers;
	struct events *events;
	struct identity *self;
	struct peers *peers;
	struct discovery *discovery;
	struct addresses *addresses; /* NULL without netlink */
	char *backend, *problem;     /* as discovery says */
	int port;
	char *home, *name;
	struct machine machine;
	char *copy;                /* where a copy of this home runs, and what to do; NULL: none is known */
	bool copied_seen;          /* agent_copied() is due */
	struct agent_id copied_by; /* the member that said so; all zero: we saw it */
	int home_dirfd;
	struct engine_context context;
	struct engine *engines;
	struct loop_timer *load_timer; /* runs while a group's settings could not be read */
	struct sighting *seen;
	size_t nseen;
};

/* Tells discovery which groups this agent is in. arg: the agent. */
void agent_publish(void *arg);

/* agent_addresses.c */
void agent_open_addresses(struct agent *a, const struct agent_config *config);
/* As in struct peers_config. */
size_t agent_own_addresses(void *arg, struct sockaddr_storage *out, size_t max);

#endif
