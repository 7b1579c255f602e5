/* The table of commands: a new command is one row here and one file cmd_*.c. The rows become the prototypes of the
 * commands, for the files that define them, and the table that cmd_help.c searches and prints. */
#ifndef LANYARD_AGENT_CLI_COMMANDS_H
#define LANYARD_AGENT_CLI_COMMANDS_H

struct cli;

/* Runs a command. argv: the words after its name. Returns the process's exit status (enum cli_exit). */
typedef int cli_run(struct cli *cli, int argc, char **argv);

/* ROW(name, function, arguments, summary), in the order in which `help` lists them. */
#define CLI_COMMANDS(ROW)                                                                                           \
	ROW("create", cmd_create, "GROUP [--share DIR] [--hidden] [--sealed]", "create a group (share: ./share)")   \
	ROW("invite", cmd_invite,                                                                                   \
	    "GROUP [--expires 24h] [--role member|reader|vault] [--uses N] [--qr] [--revoke ID]",                   \
	    "print a token to join by; or take one back")                                                           \
	ROW("invites", cmd_invites, "GROUP", "list the invites of a group, and who used them")                      \
	ROW("join", cmd_join,                                                                                       \
	    "GROUP|--invite TOKEN|--invite-file FILE [--share DIR] [--mode on-demand] "                             \
	    "[--message TEXT] [--timeout S]",                                                                       \
	    "ask to join a group, or join by a token (-: from stdin)")                                              \
	ROW("requests", cmd_requests, "[GROUP]", "list who asks to join")                                           \
	ROW("accept", cmd_accept, "GROUP AGENT|CODE [--role owner|member|reader|vault] [--yes]",                    \
	    "let an agent that asks join")                                                                          \
	ROW("reject", cmd_reject, "GROUP AGENT|CODE [--forever] [--yes]", "refuse an agent that asks")              \
	ROW("leave", cmd_leave, "GROUP [--abandon] [--yes]", "leave a group; the share stays")                      \
	ROW("members", cmd_members, "GROUP", "list who belongs to a group")                                         \
	ROW("role", cmd_role, "GROUP AGENT owner|member|reader|vault [--yes]",                                      \
	    "give a member another role, or add an agent by its ID")                                                \
	ROW("remove", cmd_remove, "GROUP AGENT [--yes]", "remove a member; its files stay with it")                 \
	ROW("groups", cmd_groups, "", "list the groups here, and those seen on the network")                        \
	ROW("peers", cmd_peers, "", "list who is connected, since when, how fast")                                  \
	ROW("files", cmd_files, "GROUP [PATH|PATTERN]", "list the files of a group, and who has them")              \
	ROW("mode", cmd_mode, "GROUP [mirror|on-demand]", "keep every file, or the list and what is chosen")        \
	ROW("get", cmd_get, "GROUP PATH... [--first] [--to DEST] [--timeout S]",                                    \
	    "choose files, which come and are kept up to date; or copy them to DEST")                               \
	ROW("drop", cmd_drop, "GROUP PATH... [--even-if-last] [--yes]", "free this disk of files that others have") \
	ROW("revert", cmd_revert, "GROUP [PATH]", "as a reader, put the group's version back")                      \
	ROW("share", cmd_share, "GROUP PATH... [--to FOLDER]", "put files into the group, or share them again")     \
	ROW("unshare", cmd_unshare, "GROUP PATH...", "keep files as this agent's own")                              \
	ROW("downloads", cmd_downloads, "[--watch] [--history]", "list what is being downloaded, or what was")      \
	ROW("pause", cmd_pause, "[GROUP]", "stop sharing, until `resume`")                                          \
	ROW("resume", cmd_resume, "[GROUP]", "share again")                                                         \
	ROW("status", cmd_status, "[--watch] [--brief]", "show the state of every group")                           \
	ROW("events", cmd_events, "[--follow]", "list what happened")                                               \
	ROW("web", cmd_web,                                                                                         \
	    "[--print|--revoke|--password [--password-file FILE]|--no-password|"                                    \
	    "--token NAME [--all]|--tokens|--revoke-token NAME]",                                                   \
	    "open the page in a browser, by a link that is good once; or say who may come in")                      \
	ROW("wait", cmd_wait, "[GROUP] [--timeout S] [--peers N]", "wait until in sync (exit 0) or not (exit 1)")   \
	ROW("release", cmd_release, "GROUP [--yes]", "let a held burst of deletions or replacements happen")        \
	ROW("conflicts", cmd_conflicts, "[GROUP]", "list both sides of each conflict")                              \
	ROW("resolve", cmd_resolve, "GROUP PATH --keep mine|theirs|both", "resolve a conflict")                     \
	ROW("versions", cmd_versions, "GROUP [PATH]",                                                               \
	    "list the kept versions of a file that others changed, or of all")                                      \
	ROW("restore", cmd_restore, "GROUP PATH [VERSION] [--to PATH]", "bring a version back")                     \
	ROW("verify", cmd_verify, "GROUP [--repair]", "read every file again and compare checksums")                \
	ROW("key", cmd_key, "export FILE [--paper]|import FILE [--share DIR] [--yes] [--passphrase-file FILE]",     \
	    "keep this agent's identity for the day its disk dies; or be it again")                                 \
	ROW("doctor", cmd_doctor, "", "look for problems on this host, and say what to do")                         \
	ROW("debug", cmd_debug, "dump [--names]", "print the agent's state as JSON, for a bug report")              \
	ROW("version", cmd_version, "", "print the version")                                                        \
	ROW("help", cmd_help, "[COMMAND]", "print this, or a command's usage")

#define CLI_DECLARE(name, function, arguments, summary) cli_run function;
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

#endif
