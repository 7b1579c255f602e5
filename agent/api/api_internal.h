/* The state of an API between requests, shared by the api*.c files of this folder. */
#ifndef LANYARD_AGENT_API_INTERNAL_H
#define LANYARD_AGENT_API_INTERNAL_H

#include "agent/agent.h"
#include "agent/api/api.h"
#include "agent/engine/events.h"
#include "base/loop.h"

struct api {
	struct loop *loop;
	struct agent *agent;
	struct events *events;
	int64_t started_s;             /* wall clock */
	int64_t started_ms;            /* loop time */
	char *name;                    /* of this host; owned */
	char *listen;                  /* as the settings say it; owned */
	struct api_waiter *waiters;    /* api_waiter.c */
	struct loop_hook *turn_hook;   /* while there are waiters */
	struct loop_timer *turn_timer; /* while there are waiters */
	uint64_t turn;                 /* counts ends of turns while there are waiters */
	int64_t checked_ms;            /* loop time at which all waiters were last checked */
	struct api_verify *verifies;   /* api_verify.c: under way */
	struct web *web;               /* lanyardd's; NULL: the agent serves no page */
	const struct config *config;   /* lanyardd's; NULL: nothing is told of it */
	bool key_busy;                 /* api_key.c: a worker has a key file in hand */
	bool kept_busy;                /* api_kept.c: a worker lists what is kept */
	bool doctor_busy;              /* api_doctor.c: a worker looks */
	int uploads;                   /* api_upload.c: under way */
};

#endif
