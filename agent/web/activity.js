// What happened lately, and by whom.
import { h, icon } from "./dom.js";
import { state } from "./store.js";
import { count, date, clock, plain, shortId } from "./words.js";

const WORDS = {
	"file-changed": ["up", "changed here"],
	"file-installed": ["down", "came"],
	"file-deleted": ["down", "deleted by a member"],
	conflict: ["warn", "conflict copy made"],
	repaired: ["ok", "rotten file replaced"],
	joined: ["people", "this agent joined"],
	left: ["people", "this agent left"],
	"member-added": ["people", "new member"],
	"member-removed": ["people", "member removed"],
	"role-changed": ["people", "role changed"],
	request: ["key", "asks to join"],
	asked: ["key", "asked to join"],
	rejected: ["key", "request rejected"],
	"peer-connected": ["link", "connected"],
	"peer-disconnected": ["away", "disconnected"],
	refused: ["warn", "connection refused"],
	problem: ["warn", "problem"],
	scrubbed: ["ok", "every file verified"],
	ready: ["ok", "agent started"],
	"in-sync": ["ok", "in sync"],
	lost: ["warn", "events were missed"],
	discovery: ["link", "discovery"],
	"scan-finished": ["ok", "scan finished"],
};
const FILES = ["file-changed", "file-installed", "file-deleted", "conflict", "repaired"];
const PEOPLE = ["joined", "left", "member-added", "member-removed", "role-changed", "request", "asked", "rejected"];
const LINKS = ["peer-connected", "peer-disconnected", "discovery"];
const KINDS = {
	all: ["Everything", [...FILES, ...PEOPLE, ...LINKS, "problem", "scrubbed", "ready", "lost"]],
	files: ["Files", FILES],
	people: ["Members", PEOPLE],
	links: ["Connections", [...LINKS, "refused"]],
};
let kind = "all";

// What it is called now; if it is not a member, as it was called then.
function nameOf(e) {
	for (const list of Object.values(state.members))
		for (const m of list) if (m.agent === e.peer) return m.self ? "this agent" : plain(m.name);
	return e.name ? plain(e.name) : shortId(e.peer);
}

// Events of one kind and group one after the other are one entry.
function folded(events) {
	const out = [];
	for (const e of events) {
		const before = out[out.length - 1];
		if (
			before &&
			before.e.event === e.event &&
			before.e.group === e.group &&
			before.e.peer === e.peer &&
			e.path &&
			before.e.time - e.time < 60
		)
			before.more.push(e);
		else out.push({ e, more: [] });
	}
	return out.slice(0, 150);
}

function entry({ e, more }) {
	const [sign, word] = WORDS[e.event];
	const gone = e.event === "file-changed" && e.reason === "deleted";
	const say = gone ? "deleted here" : word;
	return h(
		"li",
		{ key: e.number },
		icon(sign),
		h(
			"time",
			{ datetime: new Date(e.time * 1000).toISOString() },
			(date(e.time) === date(Date.now() / 1000) ? "" : date(e.time) + " ") + clock(e.time),
		),
		h(
			"div",
			{ class: "what" },
			e.path ? h("strong", { class: "path" }, plain(e.path)) : e.peer ? h("strong", {}, nameOf(e)) : null,
			" ",
			say,
			e.path && e.peer ? " by " + nameOf(e) : "",
			e.group ? h("span", { class: "muted" }, " " + plain(e.group)) : null,
			more.length ? h("span", { class: "muted" }, ", and " + count(more.length, "more path")) : null,
			e.reason && !gone ? h("p", { class: "small" }, plain(e.reason)) : null,
		),
	);
}

export const activity = {
	parts: ["events"],
	render() {
		const wanted = new Set(KINDS[kind][1]),
			list = folded(state.events.filter((e) => e.event in WORDS && wanted.has(e.event)));
		return [
			h("h1", {}, "Recent changes"),
			h(
				"div",
				{ class: "tabs", role: "group", "aria-label": "Show" },
				Object.entries(KINDS).map(([k, [word]]) =>
					h(
						"button",
						{
							"aria-pressed": k === kind ? "true" : "false",
							onclick: () => {
								kind = k;
								document.dispatchEvent(new Event("lanyard-draw"));
							},
						},
						word,
					),
				),
			),
			h(
				"section",
				{ class: "card", "aria-label": "Recent changes" },
				list.length
					? h("ul", { class: "plain rows log" }, list.map(entry))
					: h("p", { class: "muted" }, "Nothing since the agent was started."),
			),
		];
	},
};
