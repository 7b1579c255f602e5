/* What an admin can set, as values. agent/config reads them once, at the start; the agent and its engines use this
 * one struct from then on. lanyard.conf(5) says what each means. */
#ifndef LANYARD_AGENT_SETTINGS_H
#define LANYARD_AGENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "discovery/discovery.h"

enum { SETTINGS_MEMORY_MIN = 8 << 20 };

struct settings_list {
	char **v;
	size_t n;
};

/* What is set for the group of a name, where it differs from what is set for all. */
struct settings_group {
	char *name;
	int64_t vault_disk;
};

/* Texts are owned by whoever made the struct. Times in seconds, sizes in bytes, rates in bytes per second. */
struct settings {
	char *name;      /* of this host, for people */
	char *listen;    /* "[ADDR:]PORT" */
	bool listen_set; /* by the admin: otherwise any free port will do where that one is taken */
	char *metrics;   /* where metrics are served: "ADDR:PORT", or the path of a socket; "": nowhere */
	enum discovery_mode discovery;
	struct settings_list peers;      /* HOST:PORT; files and command line add up */
	struct settings_list interfaces; /* where mDNS is used; none: all */
	enum log_level log_level;
	char *web;                      /* where the page is served; "": nowhere */
	bool web_remote;                /* it may be where others reach it */
	struct settings_list web_names; /* by which browsers may call that place */
	char *web_certificate;          /* file of the certificate it has there; "": one that the agent makes */
	char *web_key;                  /* file of its key; "" with that */
	int64_t upload, download;       /* 0: no limit */

	/* Of each group. */
	int64_t rescan_s;
	int64_t scrub_s;               /* 0: never */
	int64_t versions_age_s;        /* of the oldest versions that are kept; 0: none are */
	int versions_percent;          /* of the disk that they may fill */
	int64_t memory;                /* of blocks in transit; 0: the default */
	int64_t vault_disk;            /* bytes that are stored as a vault; 0: as much as the disk has room for */
	int64_t tombstones_age_s;      /* of deletions before they may be forgotten; 0: never are */
	struct settings_group *groups; /* each of another name */
	size_t ngroups;
};

#endif
