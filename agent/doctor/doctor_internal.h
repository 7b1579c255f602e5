/* The doctor's checks, shared by the doctor*.c files. They add findings to a list. */
#ifndef LANYARD_AGENT_DOCTOR_INTERNAL_H
#define LANYARD_AGENT_DOCTOR_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/document.h"

struct doctor {
	json_t *findings;     /* array of {"check", "state", "text", "cure"} */
	const json_t *status; /* the agent's status; NULL when no agent answers */
	const char *home;
};

enum doctor_state { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_BAD };

/* Adds a finding. cure: what to do about it; NULL: nothing. Takes over text and cure (fresh memory). */
void doctor_found(struct doctor *d, const char *check, enum doctor_state state, char *text, char *cure);

/* Checks of the host. Each adds at least one finding, unless it does not apply. */
void doctor_check_home(struct doctor *d);
void doctor_check_network(struct doctor *d);
void doctor_check_port(struct doctor *d);
void doctor_check_inotify(struct doctor *d);
void doctor_check_clock(struct doctor *d);
void doctor_check_disk(struct doctor *d, const char *what, const char *path);
/* group: its entry in the agent's status. */
void doctor_check_share(struct doctor *d, const json_t *group, const char *name, const char *path);
/* Mistakes in the settings; groups that they name and the agent is not in; if no agent runs, whether another
 * program uses its port. */
void doctor_check_settings(struct doctor *d);
/* 1: a program listens on this port, by /proc/net/tcp or tcp6 (file); 0: none does; -1: the file cannot be read. */
int doctor_port_state(const char *file, int64_t port);

#endif
