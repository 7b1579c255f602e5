/* This host's addresses, between those who follow them and those who are told. */
#include "agent/agent_internal.h"

#include <errno.h>
#include <string.h>

#include "agent/addresses.h"
#include "base/log.h"

size_t agent_own_addresses(void *arg, struct sockaddr_storage *out, size_t max)
{
	const struct agent *a = arg;

	return addresses_list(a->addresses, out, max);
}

static void on_moved(void *arg)
{
	struct agent *a = arg;

	peers_moved(a->peers);
}

void agent_open_addresses(struct agent *a, const struct agent_config *config)
{
	a->addresses = addresses_new(a->loop, &(struct addresses_config){ .listen = config->listen,
	                                                                  .port = a->port,
	                                                                  .interfaces = config->interfaces,
	                                                                  .ninterfaces = config->ninterfaces,
	                                                                  .changed = on_moved,
	                                                                  .arg = a });
	if (!a->addresses)
		log_warn("no netlink: members and invites are told no address of this host: %s", strerror(errno));
}
