/* See doctor.h: the order of the checks, and those of what the agent says of itself. */
#include "agent/doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "agent/doctor/doctor_internal.h"
#include "agent/escape.h"
#include "agent/format.h"
#include "base/mem.h"

enum { LOST_OFTEN = 3 }; /* connections to one member, within link_losses.h's period */

/* A name from the agent, unescaped, for use as a path. Fresh. */
static char *raw_text(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));
	char *raw = text != NULL ? escape_decode(text) : NULL;

	return raw != NULL ? raw : mem_strdup("");
}

/* Says once what this user may not see; nothing is concluded from that. */
static void check_systems(struct doctor *d)
{
	if (d->status != NULL)
		doctor_found(d, "agent", DOCTOR_NOTE,
		             mem_strdup("this is the system's agent: its home and settings were not checked, since "
		                        "only root and its own user may read them"),
		             mem_strdup("sudo lanyard doctor checks everything"));
	else
		doctor_found(
			d, "agent", DOCTOR_NOTE,
			mem_strdup("you run no agent of your own, and the system's agent does not answer you"),
			mem_strdup(
				"sudo lanyard doctor; to look without sudo (status, files, downloads, events) join its "
				"group: sudo adduser \"$USER\" lanyard, then log in again"));
}

static void check_agent(struct doctor *d)
{
	const char *version = json_string_value(json_object_get(d->status, "version"));

	if (d->status == NULL) {
		doctor_found(d, "agent", DOCTOR_BAD, mem_printf("no agent answers at %s/control.sock", d->home),
		             mem_strdup("start lanyardd (if it exits, its messages say why), or give the right "
		                        "--home"));
		return;
	}
	if (version == NULL || strcmp(version, LANYARD_VERSION) != 0)
		doctor_found(d, "agent", DOCTOR_NOTE,
		             mem_printf("it runs version %s, but this is version " LANYARD_VERSION,
		                        version != NULL ? version : "?"),
		             mem_strdup("restart lanyardd"));
	else
		doctor_found(d, "agent", DOCTOR_OK, mem_strdup("it runs, version " LANYARD_VERSION), NULL);
}

static void check_discovery(struct doctor *d)
{
	const char *how = json_string_value(json_object_get(d->status, "discovery"));
	const char *problem = json_string_value(json_object_get(d->status, "discovery_problem"));

	if (how == NULL)
		return;
	if (problem != NULL)
		doctor_found(
			d, "discovery", DOCTOR_BAD, mem_printf("%s: %s", how, problem),
			mem_strdup(
				"fix that, or set discovery = auto, avahi or embedded, or name members with --peer"));
	else if (strcmp(how, "off") == 0)
		doctor_found(d, "discovery", DOCTOR_NOTE,
		             mem_strdup("it is off: only members named with --peer are found"), NULL);
	else
		doctor_found(d, "discovery", DOCTOR_OK, mem_printf("mDNS works (%s)", how), NULL);
}

static void check_copied(struct doctor *d)
{
	const char *copied = json_string_value(json_object_get(d->status, "copied"));

	if (copied != NULL)
		doctor_found(d, "identity", DOCTOR_BAD, mem_strdup(copied), NULL);
}

/* What the agent does without, which another process may well have. */
static void check_kernel(struct doctor *d)
{
	const json_t *lack;
	size_t i;

	json_array_foreach(json_object_get(d->status, "kernel_lacks"), i, lack)
		doctor_found(d, "kernel", DOCTOR_NOTE, mem_strdup(json_string_value(lack)), NULL);
}

/* A link that keeps breaking and coming back looks healthy at any one moment. Losing it once or twice is just a
 * restart. */
static void check_link(struct doctor *d, const json_t *lost)
{
	char *name = document_text(lost, "name");
	char *reason = document_text(lost, "reason");
	int64_t times = document_number(lost, "times");
	char *check = mem_printf("link to %s", name);

	if (times >= LOST_OFTEN)
		doctor_found(
			d, check, DOCTOR_BAD,
			mem_printf("the connection was lost %lld times within %lld minutes (the last time: %s)",
		                   (long long)times, (long long)document_number(lost, "within_s") / 60, reason),
			mem_strdup(
				"if small packets pass and large ones do not (ping -M do -s 1472 ADDRESS), lower the "
				"MTU of the interface (ip link set dev NAME mtu 1400) or let ICMP through; else "
				"look at cable, Wi-Fi and the other host"));
	free(check);
	free(reason);
	free(name);
}

/* OpenSSL's secure heap works without a lock too. Once for all groups: it is the agent's. */
static void check_keys(struct doctor *d)
{
	const char *unit = strcmp(d->home, "/var/lib/lanyard") == 0 ? "lanyardd" : "lanyardd@USER";
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(d->status, "groups"), i, group) {
		if (!json_is_false(json_object_get(group, "keys_locked")))
			continue;
		doctor_found(d, "keys", DOCTOR_NOTE,
		             mem_strdup("the memory that the keys of sealed groups lie in cannot be locked: the kernel "
		                        "may write it to a swap disk"),
		             mem_printf("raise the agent's limit of locked memory to 2 MiB or more (as a service: "
		                        "systemctl edit %s, and add the lines [Service] and LimitMEMLOCK=8M; in a "
		                        "shell: ulimit -l 8192), then restart it; or encrypt the swap disk",
		                        unit));
		return;
	}
}

/* A page that others can reach is worth a line each time. */
static void check_page(struct doctor *d)
{
	const json_t *web = json_object_get(d->status, "web");
	char *address, *problem, *fingerprint;

	address = document_text(web, "address");
	problem = document_text(web, "problem");
	fingerprint = document_text(web, "fingerprint");
	if (problem[0] != '\0')
		doctor_found(d, "page", DOCTOR_BAD, mem_printf("it is not served: %s", problem),
		             mem_strdup("then run lanyard web"));
	else if (address[0] != '\0' && json_is_true(json_object_get(web, "remote")))
		doctor_found(d, "page", DOCTOR_NOTE,
		             mem_printf("it is open to the network at %s, %s password and with %lld tokens; %lld wrong "
		                        "passwords were tried since the agent started; the SHA-256 fingerprint of its "
		                        "certificate is %s",
		                        address,
		                        json_is_true(json_object_get(web, "password")) ? "with a" : "without a",
		                        (long long)document_number(web, "tokens"),
		                        (long long)document_number(web, "wrong_passwords"), fingerprint),
		             mem_strdup("if nobody needs that, remove web-remote from lanyard.conf, and set web = "
		                        "127.0.0.1:4171"));
	free(fingerprint);
	free(problem);
	free(address);
}

/* Whoever made them may have lost its disk before it gave them to anybody. A removal makes new ones. */
static void check_awaited(struct doctor *d, const json_t *group)
{
	char *name = document_text(group, "group"), *maker = document_text(group, "keys_awaited");
	char *check = mem_printf("keys of %s", name);

	if (maker[0] != '\0')
		doctor_found(d, check, DOCTOR_NOTE,
		             mem_printf("nothing is exchanged until a member that has the group's present keys is "
		                        "connected; %s made them",
		                        maker),
		             mem_printf("start %s, or another member that was connected with it since. If its disk is "
		                        "lost and nobody has them, an owner removes it: lanyard remove makes new keys "
		                        "(if it was restored by a key file: revoke an invite, which does so too)",
		                        maker));
	free(check);
	free(maker);
	free(name);
}

static void doctor_group(struct doctor *d, const json_t *group)
{
	char *name = document_text(group, "group");
	char *share = raw_text(group, "share");
	const char *error = json_string_value(json_object_get(group, "error"));
	int64_t problems = document_number(group, "problem_count");
	char *check = mem_printf("group %s", name);
	char count[FORMAT_MAX];

	check_awaited(d, group);
	if (error != NULL)
		doctor_found(d, check, DOCTOR_BAD, mem_strdup(error),
		             mem_strdup("it continues by itself when the cause is gone; the checks of the share and "
		                        "its disk follow"));
	else if (problems > 0)
		doctor_found(d, check, DOCTOR_NOTE,
		             mem_printf("%s cannot be synced", format_count(count, problems, "path", "paths")),
		             mem_strdup("`lanyard status` lists them with the reasons"));
	else if (document_number(group, "peers") == 0)
		doctor_found(
			d, check, DOCTOR_NOTE, mem_strdup("no other member is connected"),
			mem_strdup("do the others run, on the same network, with TCP and UDP port 5353 let through?"));
	else
		doctor_found(d, check, DOCTOR_OK,
		             mem_printf("connected to %s",
		                        format_count(count, document_number(group, "peers"), "member", "members")),
		             NULL);
	/* While it joins, the share may not be there yet; a disk that does not answer would hold us, too. */
	if (strcmp(json_string_value(json_object_get(group, "state")) != NULL
	                   ? json_string_value(json_object_get(group, "state"))
	                   : "",
	           "joining") != 0 &&
	    !json_is_true(json_object_get(group, "stuck"))) {
		doctor_check_share(d, group, name, share);
		doctor_check_disk(d, name, share);
	}
	free(check);
	free(share);
	free(name);
}

/* The order is that of the causes: agent, settings, home, then the network, then each group, whose problems often
 * follow from those above. What a user may not see of the system's agent is left out. */
json_t *doctor_examine(const char *home, const json_t *status, bool systems)
{
	struct doctor d = { .findings = json_array(), .status = status, .home = home };
	const json_t *one;
	size_t i;

	if (systems)
		check_systems(&d);
	if (status != NULL || !systems)
		check_agent(&d);
	if (!systems) {
		doctor_check_settings(&d);
		doctor_check_home(&d);
	}
	check_copied(&d);
	check_kernel(&d);
	check_keys(&d);
	check_discovery(&d);
	check_page(&d);
	json_array_foreach(json_object_get(status, "lost"), i, one)
		check_link(&d, one);
	doctor_check_network(&d);
	doctor_check_port(&d);
	doctor_check_inotify(&d);
	doctor_check_clock(&d);
	if (!systems)
		doctor_check_disk(&d, "the home", d.home);
	json_array_foreach(json_object_get(status, "groups"), i, one)
		doctor_group(&d, one);
	return d.findings;
}
