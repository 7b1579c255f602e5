/* Names of files, groups and agents as text that JSON and terminals can carry, without loss. A name is any bytes but
 * NUL; its text form is UTF-8: valid UTF-8 stays, a backslash is doubled, any other byte is \xNN. Pure; any thread. */
#ifndef LANYARD_AGENT_ESCAPE_H
#define LANYARD_AGENT_ESCAPE_H

/* The text form of a name. Fresh memory. */
char *escape_name(const char *bytes);
/* The reverse, into fresh memory. NULL when the text has a backslash that begins neither \\ nor \xNN, or has \x00. */
char *escape_decode(const char *text);
/* A message rather than a name: made valid UTF-8 (other bytes as \xNN), backslashes stay as they are. Fresh memory. */
char *escape_message(const char *bytes);
/* Text as a terminal may see it: what could move the cursor or hide (control codes, direction marks) becomes \xNN.
 * For both forms above. Fresh memory. */
char *escape_terminal(const char *text);

#endif
