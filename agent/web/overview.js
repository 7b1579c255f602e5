// The first view: is everything everywhere? Per group and member what is lacking, why, since when, and what helps.
import { h, icon, command, dialog } from "./dom.js";
import { state, act, attention, ratesNow } from "./store.js";
import { ofGroup } from "./api.js";
import { groupState, memberState, wholeState } from "./health.js";
import { bytes, count, duration, plain, rate, shortId } from "./words.js";

const SIGNS = { ok: "ok", busy: "swap", away: "away", bad: "warn", idle: "plus" };
const MOST_MEMBERS = 12;
const opened = new Set();

export const pill = (kind, text) => h("span", { class: "pill " + kind }, icon(SIGNS[kind]), h("span", {}, text));

function hero() {
	const s = wholeState(),
		[rx, tx] = ratesNow(),
		n = attention();
	return h(
		"section",
		{ class: "hero " + s.kind, "aria-labelledby": "whole" },
		h("span", { class: "sign" }, icon(SIGNS[s.kind])),
		h("div", {}, h("h1", { id: "whole" }, s.text), h("p", {}, s.more)),
		h(
			"div",
			{ class: "aside" },
			h(
				"p",
				{ class: "rates" },
				h("span", {}, icon("down"), h("span", { class: "unseen" }, "receiving "), rate(rx)),
				h("span", {}, icon("up"), h("span", { class: "unseen" }, "sending "), rate(tx)),
			),
			n
				? h("a", { class: "button", href: "#/attention" }, count(n, "thing needs", "things need") + " attention")
				: null,
		),
	);
}

function helpAway(m) {
	dialog(plain(m.name) + " is away", () => [
		h("p", {}, "Start its machine, or the agent on it. It catches up by itself. There:"),
		command("systemctl start lanyardd"),
		h("p", {}, "If both machines run and do not find each other, this says why, on either:"),
		command("lanyard doctor"),
		h(
			"p",
			{ class: "small" },
			"If it will not come back, an owner can remove it; the others then wait for it no more.",
		),
	]);
}

function helpBehind(m) {
	dialog(plain(m.name) + " lacks files", () => [
		h("p", {}, "It is connected, and does not take them. There, this says why, and what helps:"),
		command("lanyard status"),
	]);
}

// What helps a member that does not have everything.
function cure(g, m, s) {
	if (m.self) {
		if (g.state === "paused")
			return h("button", { onclick: () => act(ofGroup(g.id, "resume"), {}, "Sharing again.") }, "Resume");
		if (g.held || g.problem_count) return h("a", { class: "button", href: "#/attention" }, "Show what waits");
		return null;
	}
	if (!m.here || s.late)
		return h(
			"button",
			{ class: "quiet link", onclick: () => (m.here ? helpBehind : helpAway)(m) },
			"What helps",
			h("span", { class: "unseen" }, " " + plain(m.name)),
		);
	if (s.lacks) return h("a", { href: "#/transfers" }, "Transfers");
	return null;
}

const SIGNS_OF_LIFE = 1000; // bytes per second of a connection on which nothing else passes

function memberRow(g, m) {
	const s = memberState(g, m);
	const peer = state.peers.find((p) => p.agent === m.agent);
	const vault = (g.vaults || []).find((v) => v.agent === m.agent);
	return h(
		"tr",
		{ key: m.agent },
		h(
			"th",
			{ scope: "row" },
			plain(m.name) || shortId(m.agent),
			m.self ? h("span", { class: "tag" }, "this agent") : null,
			m.role !== "member" ? h("span", { class: "tag" }, m.role) : null,
		),
		h(
			"td",
			{},
			pill(s.kind, s.text),
			vault && vault.full ? h("p", { class: "small" }, "It says that it is full.") : null,
		),
		h(
			"td",
			{ class: "num" },
			peer && peer.rate_in + peer.rate_out > SIGNS_OF_LIFE
				? rate(peer.rate_in) + " in, " + rate(peer.rate_out) + " out"
				: peer && peer.rtt_ms !== null
					? peer.rtt_ms + " ms"
					: "",
		),
		h("td", {}, cure(g, m, s)),
	);
}

const WORST_FIRST = { bad: 0, away: 1, busy: 2, ok: 3, idle: 4 };

function membersTable(g) {
	const all = (state.members[g.id] || [])
		.slice()
		.sort(
			(a, b) =>
				WORST_FIRST[memberState(g, a).kind] - WORST_FIRST[memberState(g, b).kind] ||
				b.self - a.self ||
				a.name.localeCompare(b.name),
		);
	const some = opened.has(g.id) ? all : all.slice(0, MOST_MEMBERS);
	return [
		h(
			"table",
			{ class: "members" },
			h("caption", { class: "unseen" }, "Members of " + plain(g.group)),
			h(
				"thead",
				{},
				h(
					"tr",
					{},
					h("th", { scope: "col" }, "Member"),
					h("th", { scope: "col" }, "Has everything?"),
					h("th", { scope: "col", class: "num" }, "Link"),
					h("th", { scope: "col" }, h("span", { class: "unseen" }, "What helps")),
				),
			),
			h(
				"tbody",
				{},
				some.map((m) => memberRow(g, m)),
			),
		),
		all.length > some.length
			? h(
					"button",
					{
						onclick: () => {
							opened.add(g.id);
							document.dispatchEvent(new Event("lanyard-draw"));
						},
					},
					"Show all " + all.length + " members",
				)
			: null,
	];
}

function scan(g) {
	if (!g.scan) return null;
	const of = g.scan.of ? " of about " + g.scan.of.toLocaleString("en") : "";
	return h(
		"p",
		{ class: "small" },
		"Checking files: " +
			g.scan.seen.toLocaleString("en") +
			of +
			(g.scan.eta ? ", " + duration(g.scan.eta) + " left" : ""),
		g.scan.of
			? h("progress", {
					max: g.scan.of,
					value: Math.min(g.scan.seen, g.scan.of),
					"aria-label": "Scan of " + plain(g.group),
				})
			: null,
	);
}

function passing(g) {
	return (g.rate_in ? ", receiving " + rate(g.rate_in) : "") + (g.rate_out ? ", sending " + rate(g.rate_out) : "");
}

function groupCard(g) {
	const s = groupState(g);
	const title = "group-" + g.id;
	return h(
		"section",
		{ class: "card group", key: g.id, "aria-labelledby": title },
		h(
			"header",
			{},
			h(
				"h2",
				{ id: title },
				plain(g.group),
				g.sealed ? h("span", { class: "tag" }, "sealed") : null,
				g.mode === "on-demand" ? h("span", { class: "tag" }, "on demand") : null,
			),
			pill(s.kind, s.word),
		),
		s.text ? h("p", { class: "why" }, s.text.charAt(0).toUpperCase() + s.text.slice(1) + ".") : null,
		scan(g),
		(g.disk_lacks || []).map((l) => h("p", { class: "small" }, "The share's disk " + l + ".")),
		membersTable(g),
		h(
			"footer",
			{},
			h(
				"p",
				{ class: "facts" },
				count(g.files, "file") + ", " + bytes(g.bytes) + passing(g),
				h("br"),
				h("span", { class: "path" }, plain(g.share)),
			),
			h(
				"div",
				{ class: "actions" },
				h("a", { class: "button", href: "#/files/" + g.id }, "Files"),
				h(
					"a",
					{ class: "button" + (s.word === "Only here" ? " main" : ""), href: "#/members/" + g.id },
					g.role === "owner" ? "Invite" : "Members",
				),
			),
		),
	);
}

function askedCard(a) {
	return h(
		"section",
		{ class: "card group", key: "asked" + a.public_id },
		h("header", {}, h("h2", {}, plain(a.group)), pill(a.state === "asked" ? "busy" : "bad", a.state)),
		a.code
			? h(
					"p",
					{},
					"Confirmation code: ",
					h("strong", { class: "code" }, a.code),
					". An owner sees the same code, and accepts.",
				)
			: null,
		h("p", { class: "why" }, plain(a.note)),
	);
}

function lostCard() {
	const lost = state.status.lost || [];
	if (!lost.length && !state.status.copied && !state.status.discovery_problem) return null;
	return h(
		"section",
		{ class: "card", key: "links", "aria-labelledby": "links" },
		h("h2", { id: "links" }, "Connections"),
		state.status.copied ? h("p", { class: "bad" }, state.status.copied) : null,
		state.status.discovery_problem ? h("p", {}, "Discovery does not work: " + state.status.discovery_problem) : null,
		lost.map((l) =>
			h(
				"p",
				{ key: l.agent },
				plain(l.name) +
					": " +
					count(l.times, "connection") +
					" lost within " +
					duration(l.within_s) +
					" (" +
					l.reason +
					")",
			),
		),
	);
}

function firstSteps() {
	return h(
		"section",
		{ class: "card narrow" },
		h("h2", {}, "Begin"),
		h("p", {}, "Found a group of your own, or join one with a token from one of its owners."),
		h("div", { class: "actions" }, h("a", { class: "button main", href: "#/join" }, "Add a group")),
	);
}

export const overview = {
	parts: [],
	render() {
		const s = state.status;
		return [
			hero(),
			s.groups.length || s.asked.length ? null : firstSteps(),
			h("div", { class: "grid", key: "groups" }, s.groups.map(groupCard), s.asked.map(askedCard), lostCard()),
		];
	},
};
