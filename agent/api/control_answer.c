/* Answering a call: with bytes, a document or a failure, later, or in pieces. */
#include "agent/api/control_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/escape.h"
#include "base/mem.h"

static bool has_header(const struct control_header *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (strcasecmp(list->name, name) == 0)
			return true;
	}
	return false;
}

/* Those of `list` that are not in `except`. -1: no memory. */
static int add_headers(struct MHD_Response *response, const struct control_header *list,
                       const struct control_header *except)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (!has_header(except, list->name) &&
		    MHD_add_response_header(response, list->name, list->value) != MHD_YES)
			return -1;
	}
	return 0;
}

void control_queue(struct control_inside *in, unsigned int status, struct MHD_Response *response)
{
	if (MHD_queue_response(in->connection, status, response) != MHD_YES)
		in->broken = true;
	MHD_destroy_response(response);
	in->answered = true;
}

/* Whether the connection ends with this answer. */
static bool ends_connection(const struct control_inside *in)
{
	return in->control->closes && !in->kept;
}

/* An upload is refused before its body comes. A client that still sends when its connection is closed may never read
 * the answer, so a small body is read first; with a large one the client has to be quick. The body of a stranger is
 * not: it would hold a call's slot. */
static bool waits_for_body(const struct control_inside *in)
{
	const char *length = MHD_lookup_connection_value(in->connection, MHD_HEADER_KIND, "Content-Length");

	return in->is_upload && !ends_connection(in) && !in->whole && length != NULL && strlen(length) <= 7 &&
	       atoi(length) <= CONTROL_MAX_DISCARD;
}

static void answer_call(struct control_inside *in, unsigned int status, const char *type, struct MHD_Response *response,
                        const struct control_header *more)
{
	static const struct control_header last[] = { { "Connection", "close" }, { 0 } };

	in->gone = NULL;
	in->receiver = NULL;
	if (response == NULL || MHD_add_response_header(response, "Content-Type", type) != MHD_YES ||
	    (ends_connection(in) && add_headers(response, last, NULL) < 0) || add_headers(response, more, NULL) < 0 ||
	    add_headers(response, in->control->headers, more) < 0) {
		in->broken = true;
		in->answered = true;
		if (response != NULL)
			MHD_destroy_response(response);
	} else if (waits_for_body(in)) {
		in->refusal = response;
		in->refusal_status = status;
	} else {
		control_queue(in, status, response);
	}
	control_resume(in);
}

void control_send(struct control_call *call, unsigned int status, const char *type, const void *p, size_t n,
                  const struct control_header *more)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(n, mem_dup(p, n), free);

	answer_call(call->inside, status, type, response, more);
}

void control_reply(struct control_call *call, unsigned int status, json_t *document)
{
	struct control_inside *in = call->inside;
	struct bytes out = BYTES_INIT(64 << 20);
	struct MHD_Response *response = NULL;

	if (control_append(&out, document, "\n") == 0)
		response = MHD_create_response_from_buffer(out.len, out.p, MHD_RESPMEM_MUST_COPY);
	bytes_free(&out);
	json_decref(document);
	answer_call(in, status, "application/json", response, NULL);
}

void control_fail(struct control_call *call, unsigned int status, const char *fmt, ...)
{
	va_list ap;
	char *raw = NULL;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		abort(); /* no memory */
	va_end(ap);
	text = escape_message(raw);
	control_reply(call, status, json_pack("{s:s}", "error", text));
	free(text);
	free(raw);
}

void control_defer(struct control_call *call, void (*gone)(void *state), void *state)
{
	struct control_inside *in = call->inside;

	in->gone = gone;
	in->state = state;
	control_suspend(in);
}

/* Called by libmicrohttpd for the next bytes. A stream that has none suspends the call until control_wake(); `woken`
 * closes the gap in which it was woken while more() was running. */
static ssize_t give_piece(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct control_inside *in = arg;
	size_t n;

	(void)pos;
	if (in->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	while (in->sent == in->out.len) {
		enum control_more more;

		bytes_clear(&in->out);
		in->sent = 0;
		in->woken = false;
		more = in->stream->more(in->state, &in->out);
		if (in->out.full || more == CONTROL_BROKEN)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (in->out.len > 0 || more == CONTROL_MORE)
			continue;
		if (more == CONTROL_END)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (in->woken)
			continue;
		control_suspend(in);
		return 0;
	}
	n = in->out.len - in->sent;
	if (n > max)
		n = max;
	memcpy(buf, in->out.p + in->sent, n);
	in->sent += n;
	return (ssize_t)n;
}

void control_stream(struct control_call *call, const struct control_stream *stream, void *state)
{
	struct control_inside *in = call->inside;

	in->stream = stream;
	in->state = state;
	in->out = BYTES_INIT(CONTROL_PIECE_MAX);
	answer_call(in, MHD_HTTP_OK, stream->content_type,
	            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CONTROL_PIECE, give_piece, in, NULL), NULL);
}

static int append_text(const char *text, size_t n, void *out)
{
	return bytes_append(out, text, n);
}

int control_append(struct bytes *out, const json_t *document, const char *tail)
{
	/* ASCII, so that not even a right-to-left mark in a name does anything to a terminal. */
	if (json_dump_callback(document, append_text, out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) < 0)
		return -1;
	return bytes_append(out, tail, strlen(tail));
}
