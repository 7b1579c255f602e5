// What the agent says of itself, kept fresh: by its events, and by asking only while something moves. A page that nobody
// looks at asks nothing, and neither does one at which nothing happens.
import * as api from "./api.js";
import { say } from "./dom.js";

const SETTLE_MS = 300,
	APART_MS = 1500; // an event is answered soon; many events no more often than this
const BUSY_MS = 1000,
	SLOWEST_MS = 15000; // asking while something moves; slower and slower if nothing changes
const GRAPH_SECONDS = 120,
	EVENTS_KEPT = 400;

export const state = {
	status: null,
	peers: [],
	members: {},
	requests: [],
	conflicts: [],
	downloads: [],
	seen: [],
	sightings: false,
	events: [],
	connected: false,
	failure: null,
	locked: false,
	samples: [],
};

let changed = () => {};
let endStream = null,
	timer = null,
	due = 0,
	lastRun = 0,
	running = false,
	again = false;
let dirty = new Set(),
	watched = new Set(),
	quiet = 0,
	lastSeen = "",
	last = null;

const LOADERS = {
	async status() {
		const status = await api.get("status");
		sample(status);
		const seen = JSON.stringify({ ...status, now: 0, uptime: 0 });
		quiet = seen === lastSeen ? quiet + 1 : 0;
		lastSeen = seen;
		state.status = status;
		document.title = title();
	},
	async peers() {
		state.peers = (await api.get("peers")).peers;
	},
	async requests() {
		state.requests = (await api.get("requests")).requests;
	},
	async conflicts() {
		state.conflicts = (await api.get("conflicts")).conflicts;
	},
	async downloads() {
		state.downloads = (await api.get("downloads")).downloads;
	},
	async members() {
		const now = {};
		for (const g of state.status ? state.status.groups : []) {
			try {
				now[g.id] = (await api.get(api.ofGroup(g.id, "members"))).members;
			} catch (e) {
				if (e.status === 0) throw e;
				now[g.id] = []; // left meanwhile, or still joining
			}
		}
		state.members = now;
	},
	async groups() {
		state.seen = (await api.get("groups")).seen;
		state.sightings = true;
	},
	async events() {
		const text = await (await api.raw("events")).text();
		state.events = text
			.split("\n")
			.filter(Boolean)
			.map((l) => JSON.parse(l))
			.reverse()
			.slice(0, EVENTS_KEPT);
	},
};
const ORDER = ["status", "members", "peers", "requests", "conflicts", "downloads", "groups", "events"];
const ALWAYS = ["status", "members", "peers", "requests", "conflicts"];

function title() {
	const n = attention();
	return (n ? "(" + n + ") " : "") + "lanyard on " + state.status.name;
}

// How many things wait for the user.
export function attention() {
	if (!state.status) return 0;
	let n = state.requests.length + state.conflicts.length;
	for (const g of state.status.groups) n += g.holds.length + (g.error ? 1 : 0) + (g.problem_count > g.held ? 1 : 0);
	return n;
}

// --- rates, for the graph ---

const totals = (status) =>
	status.groups.reduce((sum, g) => [sum[0] + g.counters.bytes_received, sum[1] + g.counters.bytes_sent], [0, 0]);

function sample(status) {
	const now = Date.now() / 1000,
		[rx, tx] = totals(status);
	if (last && rx >= last.rx && tx >= last.tx && now > last.t) {
		const s = now - last.t;
		state.samples.push({ t: now, from: last.t, in: (rx - last.rx) / s, out: (tx - last.tx) / s });
	}
	last = { t: now, rx, tx };
	state.samples = state.samples.filter((p) => p.t > now - GRAPH_SECONDS);
}

// Bytes of content per second now, [in, out].
export function ratesNow() {
	const groups = state.status ? state.status.groups : [];
	return groups.reduce((sum, g) => [sum[0] + g.rate_in, sum[1] + g.rate_out], [0, 0]);
}

function busy() {
	const moves = (g) =>
		["joining", "scanning", "syncing"].includes(g.state) || g.rate_in > 0 || g.rate_out > 0 || g.wanted > 0;
	return state.status && (state.status.groups.some(moves) || ratesNow().some((r) => r > 0));
}

// --- when to ask ---

function schedule(ms) {
	const at = Math.max(Date.now() + ms, lastRun + APART_MS * (quiet > 0 || dirty.size === 0 ? 1 : 0.6));
	if (timer && due <= at) return;
	clearTimeout(timer);
	due = at;
	timer = setTimeout(run, at - Date.now());
}

// Ask for these parts soon; the answer comes through onChange.
export function want(...parts) {
	for (const p of parts) dirty.add(p);
	if (!document.hidden && !state.locked) schedule(parts.length > 2 ? 0 : SETTLE_MS);
}

// The view shows these parts: they are asked for now, and with the rest while something moves.
export function watch(...parts) {
	watched = new Set(parts);
	if (parts.length) want(...parts);
}

async function run() {
	timer = null;
	if (running) {
		again = true;
		return;
	}
	running = true;
	const parts = ORDER.filter((p) => dirty.has(p));
	dirty = new Set();
	try {
		for (const p of parts) await LOADERS[p]();
		state.failure = null;
	} catch (e) {
		parts.forEach((p) => dirty.add(p));
		state.failure = e.message;
	}
	running = false;
	lastRun = Date.now();
	changed();
	if (document.hidden || state.locked) return;
	if (state.failure) schedule(5000);
	else if (again || dirty.size) schedule(SETTLE_MS);
	else if (busy()) pace();
	again = false;
}

function pace() {
	const ms = Math.min(SLOWEST_MS, BUSY_MS * 2 ** Math.min(quiet, 4));
	["status", "members", "peers", ...["downloads"].filter((p) => watched.has(p))].forEach((p) => dirty.add(p));
	schedule(ms);
}

// --- events ---

const ROSTER = new Set([
	"joined",
	"left",
	"roster-changed",
	"member-added",
	"member-removed",
	"role-changed",
	"peer-connected",
	"peer-disconnected",
]);
const FILES = new Set(["file-changed", "file-installed", "file-deleted", "repaired"]);

function onEvent(e) {
	if (e.event === "lost") {
		want(...ALWAYS, ...watched);
		return;
	}
	state.events.unshift(e);
	state.events.length = Math.min(state.events.length, EVENTS_KEPT);
	quiet = 0;
	const parts = ["status"];
	if (ROSTER.has(e.event)) parts.push("members", "peers");
	if (e.event === "request" || ROSTER.has(e.event)) parts.push("requests");
	if (e.event === "conflict" || (e.path && e.path.includes(".conflict-"))) parts.push("conflicts");
	if (e.event === "in-sync" || e.event === "syncing") parts.push("members", "downloads");
	if (FILES.has(e.event) && watched.has("downloads")) parts.push("downloads");
	want(...parts.filter((p) => p !== "downloads" || watched.has(p)));
}

function onStream(up) {
	const back = up && !state.connected;
	state.connected = up;
	if (back) want(...ALWAYS, ...watched);
	else if (!up) changed();
}

function look() {
	if (document.hidden) {
		if (endStream) endStream();
		endStream = null;
		state.connected = false;
		clearTimeout(timer);
		timer = null;
	} else if (!endStream && !state.locked) {
		endStream = api.stream(onEvent, onStream);
		want(...ALWAYS, ...watched);
	}
}

// Begin. onChange is called whenever there is something new to show.
export function start(onChange) {
	changed = onChange;
	api.open(() => {
		state.locked = true;
		if (endStream) endStream();
		changed();
	});
	document.addEventListener("visibilitychange", look);
	look();
}

// Do something, say how it went, and look at what it changed.
export async function act(path, body, done) {
	try {
		const got = await api.post(path, body);
		if (done) say(typeof done === "function" ? done(got) : done);
		return got;
	} catch (e) {
		say(e.message, "error");
		return null;
	} finally {
		quiet = 0;
		want(...ALWAYS, ...watched);
	}
}
