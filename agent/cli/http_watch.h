/* Tells an agent that takes its time from one that hangs: while a request brings nothing, the agent is asked something
 * that it answers at once. */
#ifndef LANYARD_AGENT_CLI_HTTP_WATCH_H
#define LANYARD_AGENT_CLI_HTTP_WATCH_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

/* Of one request. */
struct http_watch {
	const char *socket; /* the agent's; the caller's */
	curl_off_t got;     /* bytes of the answer so far */
	int64_t ask_ms;     /* when the agent is asked next */
	bool hung;          /* it did not answer: the request was given up */
};

/* Watches over the next curl_easy_perform() of this handle; w lives as long as that. A request to an agent that gives
 * no sign of life for about ten seconds ends with CURLE_ABORTED_BY_CALLBACK, and w->hung is set. */
void http_watch_begin(struct http_watch *w, CURL *curl, const char *socket);

#endif
