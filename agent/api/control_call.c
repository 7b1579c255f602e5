/* One call: it begins, tells what its client sent, counts while it is handled, and ends. */
#include "agent/api/control_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"

struct control_inside *control_call_new(struct control *c, struct MHD_Connection *connection, const char *url,
                                        const char *method)
{
	struct control_inside *in = MEM_NEW(struct control_inside);

	in->control = c;
	in->connection = connection;
	in->body = BYTES_INIT(c->body_max);
	in->call.inside = in;
	in->call.method = mem_strdup(method);
	in->call.path = mem_strdup(url);
	DL_APPEND(c->calls, in);
	return in;
}

const char *control_query(struct control_call *call, const char *key)
{
	return MHD_lookup_connection_value(call->inside->connection, MHD_GET_ARGUMENT_KIND, key);
}

const char *control_header(struct control_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->inside->connection, MHD_HEADER_KIND, name);
}

const char *control_cookie(struct control_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->inside->connection, MHD_COOKIE_KIND, name);
}

void control_keep(struct control_call *call)
{
	call->inside->kept = true;
}

void control_assign(struct control_call *call, uint64_t owner)
{
	call->inside->owner = owner;
}

const struct sockaddr *control_address(struct control_call *call)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(call->inside->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL ? info->client_addr : NULL;
}

int control_count(struct control_inside *in)
{
	in->handed = true;
	control_clients_busy(&in->control->clients, in->connection);
	if (++in->control->nbusy <= CONTROL_MAX_BUSY)
		return 0;
	control_fail(&in->call, MHD_HTTP_SERVICE_UNAVAILABLE,
	             "%d calls are under way already: end some that wait or follow events", CONTROL_MAX_BUSY);
	return -1;
}

/* The one place where a call ends, whatever ended it. A deferred call that was not answered tells its owner by
 * gone(), a stream by end(). */
void control_completed(void *arg, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code)
{
	struct control_inside *in = *slot;
	struct control *c = arg;

	if (in == NULL)
		return;
	*slot = NULL;
	if (in->handed) {
		c->nbusy--;
		if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
			control_clients_idle(&c->clients, connection);
	}
	DL_DELETE(c->calls, in);
	loop_io_free(in->watch);
	if (in->receiver != NULL)
		in->receiver->gone(in->receiver_state);
	if (in->gone != NULL)
		in->gone(in->state);
	if (in->refusal != NULL)
		MHD_destroy_response(in->refusal);
	if (in->stream != NULL && in->stream->end != NULL)
		in->stream->end(in->state);
	/* It may have a passphrase in it. */
	if (in->body.p != NULL)
		explicit_bzero(in->body.p, in->body.cap);
	bytes_free(&in->body);
	bytes_free(&in->out);
	json_decref(in->call.body);
	free(in->call.group);
	free(in->call.method);
	free(in->call.path);
	free(in);
}
