/* metrics: the state of the agent for Prometheus and its kin. */
#include "agent/api/api_routes.h"
#include "agent/api/metrics_collect.h"

#include <string.h>

static const char openmetrics_type[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
static const char older_type[] = "text/plain; version=0.0.4; charset=utf-8";

void api_metrics(struct api *api, struct control_call *call)
{
	struct bytes out = BYTES_INIT(METRICS_TEXT_MAX);
	const char *accept = control_header(call, "Accept");
	bool openmetrics = accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
	struct metrics m;

	metrics_collect(api, &m);
	if (metrics_write(&out, &m, openmetrics) < 0)
		control_fail(call, 500, "the metrics are too long");
	else
		control_send(call, 200, openmetrics ? openmetrics_type : older_type, out.p, out.len, NULL);
	metrics_clear(&m);
	bytes_free(&out);
}
