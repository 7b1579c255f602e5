/* The agent's doors: HTTP/1.1 and JSON on a listening socket, for the command line, curl and browsers. The
 * control*.c files are the only door to libmicrohttpd. It does not know the routes: it hands each request to a
 * handler, on the loop's thread, once the body has arrived. It has no threads of its own. Bounds of each door: 32
 * clients that have not sent a request yet, 64 calls in progress, 512 KiB per body at most, 60 s for a request to
 * arrive, and for a client to take some of its answer. */
#ifndef LANYARD_AGENT_CONTROL_H
#define LANYARD_AGENT_CONTROL_H

#include <jansson.h>

#include "agent/api/control_listen.h"
#include "base/bytes.h"
#include "base/loop.h"

struct control;
struct sockaddr;

/* One request and its answer. It ends with the answer's last byte, or when the client goes away. */
struct control_call {
	char *method; /* owned, like path */
	char *path;   /* decoded, without the query */
	char *group;  /* the path's variable part; owned; NULL without one. Set by api.c */
	json_t *body; /* an object, empty when there was no body; owned */
	struct control_inside *inside;
};

/* Answers the call (one of the functions below), now or later. */
typedef void control_handler(void *arg, struct control_call *call);

/* CONTROL_BODY_LARGE: a key file has room in it. */
enum { CONTROL_BODY = 64 << 10, CONTROL_BODY_LARGE = 512 << 10 };
/* A header of an answer; a NULL name ends a list. */
struct control_header {
	const char *name, *value;
};
/* What a door is like. */
struct control_door {
	struct control_listen *listen;        /* where it is; taken over by a door that opens. Without a descriptor it
	                                         takes what control_adopt() brings, and nothing else */
	size_t body_max;                      /* bytes of a request's body; 0: CONTROL_BODY */
	const struct control_header *headers; /* of every answer; NULL: none; they stay the caller's */
	/* The body of such a request is bytes: its handler is called as soon as the head is there, and takes the body
	 * with control_receive(). NULL: there are none. */
	bool (*is_upload)(const char *method, const char *path);
	bool closes; /* a connection ends with its first answer, unless control_keep() was called before */
};
/* NULL with *why (fresh text); door->listen is ended then, too. */
struct control *control_new(struct loop *loop, const struct control_door *door, control_handler *handler, void *arg,
                            char **why);
/* A connection that has come in elsewhere, which is taken over; addr: where the client is, of IPv4 or IPv6. */
void control_adopt(struct control *c, int fd, const struct sockaddr *addr);
/* Cuts the connections of all calls that are under way. */
void control_cut(struct control *c);
/* The same of the calls that control_assign() gave to this owner. */
void control_cut_owner(struct control *c, uint64_t owner);
/* Ends all connections (deferred calls are told that they are gone), removes the socket. */
void control_free(struct control *c);

/* The value of ?key=..., decoded; NULL when it is not there. Stays the call's. */
const char *control_query(struct control_call *call, const char *key);

/* The value of a header of the request, of a cookie in it; NULL when it is not there. Stays the call's. */
const char *control_header(struct control_call *call, const char *name);
const char *control_cookie(struct control_call *call, const char *name);

/* The client may ask more on this connection, where the door closes it otherwise. Strangers are not kept: one that asks
 * much and takes no answer would hold a call's slot. */
void control_keep(struct control_call *call);

/* Whose call it is, by a number of the caller's that is not 0. */
void control_assign(struct control_call *call, uint64_t owner);

/* Where the client is; stays the call's. NULL: not known. */
const struct sockaddr *control_address(struct control_call *call);

/* Answers with n bytes, which are copied. more: further headers, which replace the door's of the same name; NULL: none.
 */
void control_send(struct control_call *call, unsigned int status, const char *type, const void *p, size_t n,
                  const struct control_header *more);
/* Answers with a document, which is taken over. */
void control_reply(struct control_call *call, unsigned int status, json_t *document);
/* Answers with {"error": text}; text is made valid UTF-8. */
void control_fail(struct control_call *call, unsigned int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The answer comes later, by one of the two functions above. gone(state): the client went away first; do not
 * answer. Another owner of a call that waits calls it again. */
void control_defer(struct control_call *call, void (*gone)(void *state), void *state);

/* The answer comes in pieces (200, chunked). more() appends to out whenever the piece before has been sent; it
 * should stop near CONTROL_PIECE, and out is bounded at CONTROL_PIECE_MAX. end(state) is called once, when the call
 * ends. */
enum control_more { CONTROL_MORE, CONTROL_WAIT, CONTROL_END, CONTROL_BROKEN };
enum { CONTROL_PIECE = 64 << 10, CONTROL_PIECE_MAX = 1 << 20 };
struct control_stream {
	const char *content_type;
	/* MORE: call again. WAIT: nothing more until control_wake(). END: that was all. BROKEN: cut the connection. */
	enum control_more (*more)(void *state, struct bytes *out);
	void (*end)(void *state);
};
void control_stream(struct control_call *call, const struct control_stream *stream, void *state);
void control_wake(struct control_call *call);

/* Where the body of an upload goes, as it comes. */
struct control_receiver {
	/* Takes the first bytes of the n at p, and returns how many. Fewer than n: no more until control_wake(). */
	size_t (*take)(void *state, const uint8_t *p, size_t n);
	/* That was all of it: answer now, or with control_defer() later. */
	void (*whole)(void *state);
	/* The call ends before that: do not answer. */
	void (*gone)(void *state);
};
/* Only from the handler of an upload, which has not answered. The body begins to come at the first control_wake();
 * until then, and when all of it has come, the call can be answered. What comes after a failure in between is to be
 * taken and dropped or, if it is much, control_break() cuts the connection. An answer ends the receiver's part. */
void control_receive(struct control_call *call, const struct control_receiver *receiver, void *state);
void control_break(struct control_call *call);

/* Appends the document as one line of ASCII JSON, then tail. The document stays the caller's. -1 if it did not fit. */
int control_append(struct bytes *out, const json_t *document, const char *tail);

#endif
