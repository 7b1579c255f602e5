/* Looks for what is wrong on this machine, and says what to do about it: for `lanyard doctor` and the page. */
#ifndef LANYARD_AGENT_DOCTOR_DOCTOR_H
#define LANYARD_AGENT_DOCTOR_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

/* All checks: an array of {"check", "state": ok, note or bad, "text", "cure"}. status: the agent's; NULL when none
 * answers. systems: it is the system's agent, which shows this user its status alone. It asks disks and the network,
 * and may take seconds; not for the loop. */
json_t *doctor_examine(const char *home, const json_t *status, bool systems);

#endif
