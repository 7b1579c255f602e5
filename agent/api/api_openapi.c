/* openapi.json: the API for programs, as scripts/openapi makes it of docs/api.md. */
#include "agent/api/api_routes.h"

#include <stdint.h>

/* The file is part of the program; the Makefile makes this file depend on it. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "lanyard_openapi_begins:\n"
        ".incbin \"agent/api/openapi.json\"\n"
        "lanyard_openapi_ends:\n"
        ".popsection\n");

extern const char openapi_begins[] __asm__("lanyard_openapi_begins");
extern const char openapi_ends[] __asm__("lanyard_openapi_ends");

void api_openapi(struct api *api, struct control_call *call)
{
	(void)api;
	control_send(call, 200, "application/json", openapi_begins, (uintptr_t)openapi_ends - (uintptr_t)openapi_begins,
	             NULL);
}
