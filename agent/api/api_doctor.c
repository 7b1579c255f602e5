/* doctor: what is wrong on this machine, as `lanyard doctor` says it. A worker looks, since disks and the network may
 * take their time; one at a time. */
#include "agent/api/api_answer.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_status.h"

#include <stdlib.h>

#include "agent/doctor/doctor.h"
#include "base/mem.h"

struct examination {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	char *home;                /* owned, like what follows */
	json_t *status;
	json_t *findings;
};

static void examination_client_gone(void *state)
{
	((struct examination *)state)->call = NULL;
}

static void examine(void *job)
{
	struct examination *x = job;

	x->findings = doctor_examine(x->home, x->status, false);
}

static void examined(void *job)
{
	struct examination *x = job;

	x->api->doctor_busy = false;
	if (x->call != NULL)
		control_reply(x->call, 200, json_pack("{s:O}", "checks", x->findings));
	json_decref(x->findings);
	json_decref(x->status);
	free(x->home);
	free(x);
}

static void begin_examination(struct api *api, struct control_call *call, json_t *status)
{
	struct examination *x;

	if (api->doctor_busy) {
		json_decref(status);
		control_fail(call, 409, "the doctor is at work already, or a disk does not answer it: try again later");
		return;
	}
	x = MEM_NEW(struct examination);
	api->doctor_busy = true;
	x->api = api;
	x->call = call;
	x->home = mem_strdup(agent_home(api->agent));
	x->status = status;
	control_defer(call, examination_client_gone, x);
	agent_work(api->agent, examine, examined, x);
}

void api_doctor(struct api *api, struct control_call *call)
{
	api_status_probed(api, call, begin_examination);
}
