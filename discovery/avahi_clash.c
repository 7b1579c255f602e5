/* One name, two functions: finds both libraries' avahi_entry_group_free(), and passes each call on to the right
 * one. See avahi_clash.h. */
#include "discovery/avahi_clash.h"

#include <avahi-client/client.h>
#include <avahi-core/core.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"

typedef int client_free_fn(void *group);
typedef void core_free_fn(void *server, void *group);

static const char clashing[] = "avahi_entry_group_free";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static client_free_fn *client_free;
static core_free_fn *core_free;
static void *core_base; /* where libavahi-core is mapped */

int avahi_entry_group_free(void *first, void *second);

/* The clashing function of the library that holds `function`; *base: where that library is mapped. */
static void *find_in_library_of(void *function, void **base)
{
	Dl_info info;
	void *library;
	void *found;

	if (dladdr(function, &info) == 0)
		return NULL;
	library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (library == NULL)
		return NULL;
	found = dlsym(library, clashing);
	dlclose(library);
	*base = info.dli_fbase;
	return found;
}

/* Each library is found by a function that only it has. (The unions turn function pointers into addresses, which
 * ISO C has no cast for.) */
static void find_clash(void)
{
	union {
		AvahiServer *(*function)(const AvahiPoll *, const AvahiServerConfig *, AvahiServerCallback, void *,
		                         int *);
		void *address;
	} core = { avahi_server_new };
	union {
		AvahiClient *(*function)(const AvahiPoll *, AvahiClientFlags, AvahiClientCallback, void *, int *);
		void *address;
	} client = { avahi_client_new };
	union {
		void *address;
		core_free_fn *function;
	} of_core;
	union {
		void *address;
		client_free_fn *function;
	} of_client;
	void *client_base;

	of_core.address = find_in_library_of(core.address, &core_base);
	of_client.address = find_in_library_of(client.address, &client_base);
	core_free = of_core.function;
	client_free = of_client.function;
	if (core_free == NULL || client_free == NULL)
		log_error("discovery: cannot keep libavahi-core apart from libavahi-client; continuing without mDNS");
}

int avahi_clash_prepare(void)
{
	pthread_once(&once, find_clash);
	return core_free != NULL && client_free != NULL ? 0 : -1;
}

/* Called by both libraries and by mdns_client.c. The caller's address decides whose function is meant; `second` is
 * garbage unless the caller is libavahi-core. */
int avahi_entry_group_free(void *first, void *second)
{
	void *caller = __builtin_extract_return_addr(__builtin_return_address(0));
	Dl_info info;

	if (dladdr(caller, &info) != 0 && info.dli_fbase == core_base) {
		core_free(first, second);
		return 0;
	}
	return client_free(first);
}
