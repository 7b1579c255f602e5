/* The command line of lanyardd: see options.h. */
#include "agent/config/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char options_usage[] =
	"usage: lanyardd [--home DIR] [--config FILE] [--listen [ADDR:]PORT]\n"
	"                [--discovery auto|avahi|embedded|off] [--peer HOST:PORT]... [--log-level L]\n"
	"                [--web ADDR:PORT] [--check-config]\n"
	"\n"
	"Keeps the folders of its groups in sync with all other members on the network.\n"
	"\n"
	"  --home DIR       key, index, config and control socket (default: $LANYARD_HOME, else\n"
	"                   /var/lib/lanyard for root, else $XDG_STATE_HOME/lanyard)\n"
	"  --config FILE    settings; FILE.d/*.conf are read after it (default: lanyard.conf in the home,\n"
	"                   /etc/lanyard/lanyard.conf for /var/lib/lanyard, when it is there)\n"
	"  --listen [ADDR:]PORT\n"
	"                   where members reach us; port 0: any free one (default: 4170)\n"
	"  --discovery auto|avahi|embedded|off\n"
	"                   how members are found on the local network (default: auto)\n"
	"  --peer HOST:PORT a member outside the local network; may be repeated\n"
	"  --log-level error|warn|info|debug\n"
	"                   (default: info)\n"
	"  --web ADDR:PORT  serve the page there, to browsers on this machine (default: off)\n"
	"  --check-config   read the settings, say what is wrong with them, and exit\n"
	"  --help, --version\n"
	"\n"
	"SIGTERM and SIGINT stop it cleanly, SIGHUP reads the settings again.\n"
	"Exit status: 0 stopped, 1 could not start, 2 usage, 78 wrong settings.\n";

int options_parse(struct options *o, int argc, char **argv, char **why)
{
	const struct args_option table[] = {
		{ ARGS_TEXT, "home", &o->home },
		{ ARGS_TEXT, "config", &o->config },
		{ ARGS_TEXT, "listen", &o->listen },
		{ ARGS_TEXT, "discovery", &o->discovery },
		{ ARGS_TEXT, "log-level", &o->log_level },
		{ ARGS_TEXT, "web", &o->web },
		{ ARGS_LIST, "peer", &o->peers },
		{ ARGS_FLAG, "help", &o->help },
		{ ARGS_FLAG, "h", &o->help },
		{ ARGS_FLAG, "version", &o->version },
		{ ARGS_FLAG, "check-config", &o->check_config },
		{ ARGS_END, NULL, NULL },
	};
	int words;

	memset(o, 0, sizeof(*o));
	words = argc < 1 ? 0 : args_parse(table, false, argc - 1, argv + 1, why);
	if (words > 0) {
		*why = mem_printf("'%s' is not an option; lanyardd takes only options", argv[1]);
		words = -1;
	}
	if (words < 0) {
		options_free(o);
		return -1;
	}
	return 0;
}

void options_free(struct options *o)
{
	free(o->peers.v);
	o->peers = (struct args_list){ 0 };
}
