/* This host's own addresses, as hints for others. */
#ifndef LANYARD_AGENT_ADDRESSES_H
#define LANYARD_AGENT_ADDRESSES_H

#include <stddef.h>

#include "sync/group/invite.h"

/* "HOST:PORT" for each address of an interface that is up, without loopback and link-local ones, IPv4 first; returns
 * how many, at most max. */
size_t addresses_of_host(char out[][INVITE_ADDRESS_MAX], size_t max, int port);

#endif
