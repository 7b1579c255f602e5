/* Inside the door of control.h: the state of a door and of a call, shared by the control*.c files. Each is about one
 * step of a call: control_call.c (it begins, is counted, and ends), control_wait.c (it waits), control_upload.c (its
 * body comes in pieces), control_answer.c (it is answered), and control.c, which runs the door and hands calls over. */
#ifndef LANYARD_AGENT_CONTROL_INTERNAL_H
#define LANYARD_AGENT_CONTROL_INTERNAL_H

#include <microhttpd.h>
#include <stdbool.h>

#include "agent/api/control.h"
#include "agent/api/control_clients.h"

enum {
	CONTROL_MAX_BUSY = 64,         /* calls in progress: most of them wait, or follow events */
	CONTROL_MAX_DISCARD = 1 << 20, /* bytes of an oversized body that are read, to answer it; then it is cut */
};

struct control {
	struct loop *loop;
	struct control_listen listen; /* without its descriptor, which is libmicrohttpd's */
	size_t body_max;
	const struct control_header *headers;                    /* of every answer; NULL: none */
	bool (*is_upload)(const char *method, const char *path); /* NULL: nothing is */
	bool closes; /* connections after an answer, but those that are kept */
	control_handler *handler;
	void *arg;
	struct MHD_Daemon *daemon;
	struct loop_io *epoll;        /* libmicrohttpd's epoll descriptor */
	struct loop_timer *timer;     /* its timeout */
	struct control_inside *calls; /* all that have not ended */
	struct control_clients clients;
	int nbusy;     /* calls handed to the handler */
	bool stopping; /* the timer is gone */
	bool resumed;  /* a call, since MHD_run() began */
};

/* The half of a call that handlers do not see. */
struct control_inside {
	struct control_call call;
	struct control *control;
	struct MHD_Connection *connection;
	struct bytes body;
	size_t discarded; /* bytes of the body beyond its maximum */
	bool handed;      /* to the handler */
	bool kept;        /* control_keep() */
	uint64_t owner;   /* control_assign(); 0: nobody's */
	bool answered;    /* a response is queued */
	bool suspended;
	bool broken;                             /* the client hung up while suspended */
	struct loop_io *watch;                   /* for its hanging up; NULL until first suspended */
	void (*gone)(void *state);               /* deferred */
	const struct control_stream *stream;     /* NULL: not in pieces */
	void *state;                             /* gone's or stream's */
	bool woken;                              /* since more() last said WAIT */
	const struct control_receiver *receiver; /* of the body; NULL: none, or the body is complete */
	void *receiver_state;
	bool is_upload;
	bool begun;                   /* its body may come */
	bool whole;                   /* all of its body has come */
	struct MHD_Response *refusal; /* owned: of an upload, for when its body has come; NULL: none */
	unsigned int refusal_status;
	struct bytes out; /* what more() gave */
	size_t sent;      /* of out */
	struct control_inside *prev;
	struct control_inside *next;
};

/* --- control_wait.c --- */
/* libmicrohttpd does not go on with the call until control_resume(); each does nothing if it is so already. */
void control_suspend(struct control_inside *in);
void control_resume(struct control_inside *in);
/* Ends the call and its connection, at the next chance. */
void control_break_off(struct control_inside *in);

/* --- control_answer.c --- */
/* Hands the response over, and its reference with it. */
void control_queue(struct control_inside *in, unsigned int status, struct MHD_Response *response);

/* --- control_call.c --- */
struct control_inside *control_call_new(struct control *c, struct MHD_Connection *connection, const char *url,
                                        const char *method);
/* The call goes to the handler. -1: there are too many, which is answered. */
int control_count(struct control_inside *in);
/* For MHD_OPTION_NOTIFY_COMPLETED, with the door as its argument. */
void control_completed(void *arg, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code);

/* --- control_upload.c --- */
/* For libmicrohttpd: the head of such a call is there; there is more, or that was all. */
enum MHD_Result control_upload_begins(struct control_inside *in);
enum MHD_Result control_upload_goes_on(struct control_inside *in, const char *data, size_t *data_size);

#endif
