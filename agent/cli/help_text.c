/* See help_text.h. */
#include "agent/cli/help_text.h"

#include <stddef.h>
#include <string.h>

#define OPTIONS  "\noptions:\n"
#define EXAMPLE  "\nexample:\n"
#define EXAMPLES "\nexamples:\n"

static const struct {
	const char *command, *text;
} texts[] = {
	{ "create",
	  OPTIONS "  --share DIR  the folder to share; it may hold files already, or not exist yet\n"
	          "  --hidden     do not announce the group's name: it is joined by tokens only\n"
	          "  --sealed     encrypt every block and name, so that vaults can keep what they cannot read;\n"
	          "               from the beginning or never\n" EXAMPLE "  lanyard create photos --share ~/Photos\n" },
	{ "invite",
	  OPTIONS "  --expires DURATION  let it admit agents for so long (30m, 24h, 7d)\n"
	          "  --role ROLE         what they become: a member, a reader, or in a sealed group a vault\n"
	          "  --uses N            let in N agents at most (100)\n"
	          "  --qr                draw it as a QR code, too\n"
	          "  --revoke ID         take an invite back, by its ID in `lanyard invites` or its token\n" EXAMPLES
	          "  lanyard invite photos\n"
	          "  lanyard invite photos --role reader --uses 1 --expires 1h\n" },
	{ "invites", EXAMPLE "  lanyard invites photos\n" },
	{ "join", OPTIONS "  --invite TOKEN      join by what `lanyard invite` printed; -: read it from stdin\n"
	                  "  --invite-file FILE  read the token from a file: nobody else on this host sees it\n"
	                  "  --share DIR         the folder to share\n"
	                  "  --mode on-demand    keep the list of files, and only the content that is chosen\n"
	                  "  --message TEXT      tell the owners who is asking\n"
	                  "  --timeout DURATION  wait so long for an answer (60 s); the asking goes on\n" EXAMPLES
	                  "  lanyard join photos --share ~/Photos      # an owner compares the code and accepts\n"
	                  "  lanyard join --invite - --share ~/Photos  # then paste the token\n" },
	{ "requests", EXAMPLE "  lanyard requests\n" },
	{ "accept", OPTIONS "  --role ROLE  what the agent becomes (member)\n"
	                    "  --yes        make it an owner without saying what that means and asking\n" EXAMPLE
	                    "  lanyard accept photos 2dkn-gqho\n" },
	{ "reject", OPTIONS "  --forever  show no request of that agent again\n"
	                    "  --yes      do not say the consequences and ask, on a terminal\n" EXAMPLE
	                    "  lanyard reject photos 2dkn-gqho\n" },
	{ "leave", OPTIONS "  --abandon  leave as the only owner, though nobody can invite or remove afterwards\n"
	                   "  --yes      do not say the consequences and ask, on a terminal\n" EXAMPLE
	                   "  lanyard leave photos\n" },
	{ "members", EXAMPLE "  lanyard members photos\n" },
	{ "role", OPTIONS "  --yes  do not say the consequences and ask, on a terminal\n" EXAMPLE
	                  "  lanyard role photos laptop reader\n" },
	{ "remove", OPTIONS "  --yes  do not say the consequences and ask, on a terminal\n" EXAMPLE
	                    "  lanyard remove photos laptop\n" },
	{ "groups", EXAMPLE "  lanyard groups\n" },
	{ "peers", EXAMPLE "  lanyard peers\n" },
	{ "files", EXAMPLES "  lanyard files photos\n"
	                    "  lanyard files photos '**/*.jpg'\n" },
	{ "mode", EXAMPLE "  lanyard mode photos on-demand\n" },
	{ "get", OPTIONS "  --first             before all other downloads\n"
	                 "  --to DEST           write copies there, and choose nothing\n"
	                 "  --timeout S         wait so many seconds for a member that has them\n" EXAMPLES
	                 "  lanyard get photos 2026/summer\n"
	                 "  lanyard get photos '**/*.pdf' --to /tmp/copies\n" },
	{ "drop", OPTIONS "  --even-if-last  ask nobody whether they have it: the content may be lost\n"
	                  "  --yes           do not say the consequences and ask, on a terminal\n" EXAMPLE
	                  "  lanyard drop photos 2025\n" },
	{ "revert", EXAMPLE "  lanyard revert photos draft.txt\n" },
	{ "share", OPTIONS "  --to FOLDER  the folder in the group's share that they go to\n" EXAMPLES
	                   "  lanyard share photos ~/Downloads/film.mp4 --to films\n"
	                   "  lanyard share photos notes.txt  # again, after `unshare`\n" },
	{ "unshare", EXAMPLE "  lanyard unshare photos notes.txt\n" },
	{ "downloads",
	  OPTIONS "  --watch    go on, and show changes as they happen, until Ctrl-C\n"
	          "  --history  list what has come since the agent started\n" EXAMPLE "  lanyard downloads --watch\n" },
	{ "pause", EXAMPLE "  lanyard pause photos\n" },
	{ "resume", EXAMPLE "  lanyard resume photos\n" },
	{ "status", OPTIONS "  --watch  go on, and show changes as they happen, until Ctrl-C\n"
	                    "  --brief  a line for each group: who is here, what came, where the folder is\n" EXAMPLES
	                    "  lanyard status\n"
	                    "  lanyard status --watch --brief\n" },
	{ "events", OPTIONS "  --follow  go on with new ones as they happen, until Ctrl-C\n" EXAMPLE
	                    "  lanyard --json events --follow\n" },
	{ "web", OPTIONS "  --print   print the link, even where there is a browser\n"
	                 "  --revoke  end all sessions of the page, wherever they are\n"
	                 "With web-remote = yes, for other machines:\n"
	                 "  --password            set the password of the page; all sessions end\n"
	                 "  --password-file FILE  read it there (- is standard input), and do not ask\n"
	                 "  --no-password         have none from now on; all sessions end\n"
	                 "  --token NAME          make a token for a program, which may read the state\n"
	                 "  --all                 ... which may do what the page can\n"
	                 "  --tokens              list the tokens, without what they are\n"
	                 "  --revoke-token NAME   take one back\n" EXAMPLES "  lanyard web\n"
	                 "  lanyard web --password\n"
	                 "  lanyard web --token prometheus >/etc/prometheus/lanyard.token\n" },
	{ "wait", OPTIONS "  --timeout DURATION  give up after so long\n"
	                  "  --peers N           wait for N connected members, too\n" EXAMPLE
	                  "  lanyard wait photos --timeout 10m && poweroff\n" },
	{ "release", OPTIONS "  --yes  do not say the consequences and ask, on a terminal\n" EXAMPLE
	                     "  lanyard release photos\n" },
	{ "conflicts", EXAMPLE "  lanyard conflicts\n" },
	{ "resolve",
	  OPTIONS "  --keep WHICH  mine or theirs: that side keeps the path, the other goes to the versions;\n"
	          "                both: the copies stay as ordinary files\n" EXAMPLE
	          "  lanyard resolve photos report.odt --keep theirs\n" },
	{ "versions", EXAMPLES "  lanyard versions photos  # everything that is kept\n"
	                       "  lanyard versions photos report.odt\n" },
	{ "restore", OPTIONS "  --to PATH  bring it back under another name in the share\n" EXAMPLES
	                     "  lanyard restore photos report.odt\n"
	                     "  lanyard restore photos report.odt --to report-old.odt\n" },
	{ "verify", OPTIONS "  --repair  fetch from members what this disk has damaged\n" EXAMPLE
	                    "  lanyard verify photos --repair\n" },
	{ "key", OPTIONS "  --paper                 print a form of the key to write down, too\n"
	                 "  --share DIR             the folder in which each imported group gets its own\n"
	                 "  --yes                   import, and do not say the consequences and ask, on a terminal\n"
	                 "  --passphrase-file FILE  read the passphrase there, and do not ask\n" EXAMPLES
	                 "  lanyard key export /media/stick/lanyard.key\n"
	                 "  lanyard key import /media/stick/lanyard.key --share ~/restored\n" },
	{ "doctor", EXAMPLE "  lanyard doctor\n" },
	{ "debug",
	  OPTIONS "  --names  with the names of files, and addresses\n" EXAMPLE "  lanyard debug dump >report.json\n" },
};

const char *help_text(const char *command)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].command, command) == 0)
			return texts[i].text;
	}
	return "";
}
