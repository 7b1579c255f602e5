/* What the doctor's checks share: findings are gathered in a list, and printed at the end. */
#ifndef LANYARD_AGENT_CLI_DOCTOR_H
#define LANYARD_AGENT_CLI_DOCTOR_H

#include <jansson.h>
#include <stdint.h>

struct doctor {
	json_t *findings;     /* array of {"check", "state", "text", "cure"} */
	const json_t *status; /* what the agent says; NULL when none runs */
	const char *home;
};

enum doctor_state { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_BAD };

/* cure: what to do; NULL when nothing. text and cure are fresh and taken over. */
void doctor_found(struct doctor *d, const char *check, enum doctor_state state, char *text, char *cure);

/* The host's side; each finds at least one thing, or has nothing to look at. */
void doctor_check_home(struct doctor *d);
void doctor_check_network(struct doctor *d);
void doctor_check_port(struct doctor *d);
void doctor_check_inotify(struct doctor *d);
void doctor_check_clock(struct doctor *d);
void doctor_check_disk(struct doctor *d, const char *what, const char *path);
/* group: what the agent says of it. */
void doctor_check_share(struct doctor *d, const json_t *group, const char *name, const char *path);
/* Mistakes in the settings, while they can be read; groups that they name and the agent is not in; when no agent runs, whether somebody else has its port. */
void doctor_check_settings(struct doctor *d);

#endif
