/* An upload: its handler is called when the head is there, and takes the body piece by piece. */
#include "agent/api/control_internal.h"

/* The head is there. Unless the call is answered at once, libmicrohttpd comes here again before it reads the body. */
enum MHD_Result control_upload_begins(struct control_inside *in)
{
	in->is_upload = true;
	in->call.body = json_object();
	if (control_count(in) == 0)
		in->control->handler(in->control->arg, &in->call);
	if (in->receiver != NULL)
		control_suspend(in);
	else
		in->begun = true;
	return in->broken ? MHD_NO : MHD_YES;
}

void control_receive(struct control_call *call, const struct control_receiver *receiver, void *state)
{
	call->inside->receiver = receiver;
	call->inside->receiver_state = state;
}

/* libmicrohttpd keeps what is not taken, and gives it again when the call goes on. */
static enum MHD_Result upload_piece(struct control_inside *in, const char *data, size_t *data_size)
{
	size_t left = *data_size;

	if (in->receiver == NULL) { /* it was refused */
		in->discarded += *data_size;
		*data_size = 0;
		return in->discarded > CONTROL_MAX_DISCARD ? MHD_NO : MHD_YES;
	}
	do {
		in->woken = false;
		left -= in->receiver->take(in->receiver_state, (const uint8_t *)data + (*data_size - left), left);
	} while (left > 0 && in->woken && !in->broken);
	*data_size = left;
	if (left > 0 && !in->broken)
		control_suspend(in);
	return in->broken ? MHD_NO : MHD_YES;
}

enum MHD_Result control_upload_goes_on(struct control_inside *in, const char *data, size_t *data_size)
{
	const struct control_receiver *receiver = in->receiver;
	struct MHD_Response *refusal = in->refusal;

	if (in->broken)
		return MHD_NO;
	if (!in->begun) {
		in->begun = true;
		return MHD_YES;
	}
	if (*data_size > 0)
		return upload_piece(in, data, data_size);
	in->whole = true;
	in->receiver = NULL;
	in->refusal = NULL;
	if (refusal != NULL)
		control_queue(in, in->refusal_status, refusal);
	else if (receiver != NULL)
		receiver->whole(in->receiver_state);
	else if (!in->answered)
		return MHD_NO; /* the agent stops */
	return in->broken ? MHD_NO : MHD_YES;
}
