/* The routes of the control socket: a new one is one row here, its handler, and its section in docs/api.md, which
 * scripts/check-api compares with this table. The rows become the prototypes of the handlers, for the files that define
 * them, and the table that api.c searches. */
#ifndef LANYARD_AGENT_API_ROUTES_H
#define LANYARD_AGENT_API_ROUTES_H

#include "agent/api/api_internal.h"

/* Answers the call, now or later. The loop's thread. */
typedef void api_fn(struct api *api, struct control_call *call);

/* SOCKET: whoever may open the home's control socket. OWNER: and whoever has a session of the page. USER: and whoever
 * may open the status socket: those whose files these are. READER: and programs with a token to read. */
enum api_rights { API_SOCKET, API_OWNER, API_USER, API_READER };

/* ROW(method, path, handler, rights, summary). `*` in a path stands for a group: its name, or the start of its ID in
 * hex; a handler finds it with api_engine(). */
#define API_ROUTES(ROW)                                                                                      \
	ROW(GET, "/v1/status", api_status, READER, "the state of the agent and of every group")              \
	ROW(GET, "/v1/peers", api_peers, READER, "who is connected")                                         \
	ROW(GET, "/v1/downloads", api_downloads, USER, "what is being downloaded, and what has just been")   \
	ROW(GET, "/v1/events", api_events, USER, "what happened, and what happens, as lines")                \
	ROW(GET, "/v1/settings", api_settings, OWNER, "what is set, and where")                              \
	ROW(GET, "/v1/doctor", api_doctor, OWNER, "what is wrong on this machine, and what to do")           \
	ROW(GET, "/v1/openapi.json", api_openapi, READER, "this API for programs")                           \
	ROW(GET, "/metrics", api_metrics, READER, "the state of the agent for Prometheus")                   \
	ROW(GET, "/v1/stream", api_stream, OWNER, "what happens, as server-sent events")                     \
	ROW(POST, "/v1/web/link", api_web_link, SOCKET, "a link that begins a session of the page")          \
	ROW(POST, "/v1/web/await", api_web_await, SOCKET, "answers when a link is not good any more")        \
	ROW(POST, "/v1/web/revoke", api_web_revoke, SOCKET, "end all sessions of the page")                  \
	ROW(POST, "/v1/web/password", api_web_password, SOCKET, "set the password of the page")              \
	ROW(GET, "/v1/web/tokens", api_web_tokens, SOCKET, "the tokens of programs")                         \
	ROW(POST, "/v1/web/token", api_web_token, SOCKET, "make a token for a program")                      \
	ROW(POST, "/v1/web/token/revoke", api_web_token_revoke, SOCKET, "take a token back")                 \
	ROW(GET, "/v1/wait", api_wait, OWNER, "answers when all groups are in sync")                         \
	ROW(GET, "/v1/groups", api_groups, OWNER, "the groups of this agent, and those seen on the network") \
	ROW(POST, "/v1/groups", api_create, OWNER, "create a group")                                         \
	ROW(POST, "/v1/join", api_join, OWNER, "join a group by a token")                                    \
	ROW(POST, "/v1/ask", api_ask, OWNER, "ask to join a group by its name")                              \
	ROW(GET, "/v1/ask", api_asked, OWNER, "answers when an owner has decided")                           \
	ROW(GET, "/v1/requests", api_requests, OWNER, "who asks to join the groups of this agent")           \
	ROW(POST, "/v1/key/export", api_key_export, SOCKET, "a key file of this agent")                      \
	ROW(POST, "/v1/key/import", api_key_import, SOCKET, "become the agent of a key file")                \
	ROW(POST, "/v1/pause", api_pause, OWNER, "stop sharing, in all groups")                              \
	ROW(POST, "/v1/resume", api_resume, OWNER, "share again, in all groups")                             \
	ROW(GET, "/v1/conflicts", api_conflicts, OWNER, "the conflict copies of all groups")                 \
	ROW(GET, "/v1/debug/dump", api_debug_dump, SOCKET, "the state of the agent for a bug report")        \
	ROW(GET, "/v1/groups/*/members", api_members, USER, "who belongs to the group")                      \
	ROW(GET, "/v1/groups/*/files", api_files, USER, "the group's files, and who has them")               \
	ROW(GET, "/v1/groups/*/content", api_content, OWNER, "a file of the group, wherever it is")          \
	ROW(GET, "/v1/groups/*/upload", api_upload_check, OWNER, "whether an upload could come")             \
	ROW(POST, "/v1/groups/*/upload", api_upload, OWNER, "put a file into the share")                     \
	ROW(GET, "/v1/groups/*/pieces", api_pieces, OWNER, "the blocks of a download")                       \
	ROW(GET, "/v1/groups/*/choices", api_choices, OWNER, "what this agent keeps of the group")           \
	ROW(POST, "/v1/groups/*/mode", api_mode, OWNER, "keep everything, or what is chosen")                \
	ROW(POST, "/v1/groups/*/get", api_get, OWNER, "choose files: they come, and are kept up to date")    \
	ROW(POST, "/v1/groups/*/await", api_await, OWNER, "answers when chosen files are here")              \
	ROW(POST, "/v1/groups/*/drop", api_drop, OWNER, "let files go from this disk")                       \
	ROW(POST, "/v1/groups/*/share", api_share, OWNER, "share paths again, or look at them now")          \
	ROW(POST, "/v1/groups/*/revert", api_revert, OWNER, "put the group's version back")                  \
	ROW(POST, "/v1/groups/*/unshare", api_unshare, OWNER, "keep paths as this agent's own")              \
	ROW(GET, "/v1/groups/*/wait", api_wait, OWNER, "answers when the group is in sync")                  \
	ROW(GET, "/v1/groups/*/conflicts", api_conflicts, OWNER, "the group's conflict copies")              \
	ROW(GET, "/v1/groups/*/versions", api_versions, OWNER, "the kept versions of a path, or of all")     \
	ROW(GET, "/v1/groups/*/invites", api_invites, OWNER, "the group's invites, and who used them")       \
	ROW(POST, "/v1/groups/*/invite", api_invite, OWNER, "make a token")                                  \
	ROW(POST, "/v1/groups/*/revoke", api_revoke, OWNER, "take an invite back")                           \
	ROW(POST, "/v1/groups/*/role", api_role, OWNER, "give a role, or add an agent")                      \
	ROW(POST, "/v1/groups/*/remove", api_remove, OWNER, "remove a member")                               \
	ROW(GET, "/v1/groups/*/requests", api_requests, OWNER, "who asks to join the group")                 \
	ROW(POST, "/v1/groups/*/accept", api_accept, OWNER, "let an agent that asks join")                   \
	ROW(POST, "/v1/groups/*/reject", api_reject, OWNER, "refuse an agent that asks")                     \
	ROW(POST, "/v1/groups/*/leave", api_leave, OWNER, "leave the group")                                 \
	ROW(POST, "/v1/groups/*/pause", api_pause, OWNER, "stop sharing")                                    \
	ROW(POST, "/v1/groups/*/resume", api_resume, OWNER, "share again")                                   \
	ROW(POST, "/v1/groups/*/release", api_release, OWNER, "let held deletions and replacements happen")  \
	ROW(POST, "/v1/groups/*/resolve", api_resolve, OWNER, "resolve a conflict")                          \
	ROW(POST, "/v1/groups/*/restore", api_restore, OWNER, "bring a kept version back")                   \
	ROW(POST, "/v1/groups/*/verify", api_verify, OWNER, "read every file again and compare checksums")

#define API_DECLARE(method, path, function, rights, summary) api_fn function;
API_ROUTES(API_DECLARE)
#undef API_DECLARE

#endif
