// Is everything everywhere? Decided from what the agent says; no elements here.
import { state } from "./store.js";
import { NOW, bytes, count, listed, plain, since } from "./words.js";

// How one member of a group stands: {kind: ok|busy|away|bad|idle, text, lacks}.
export function memberState(g, m) {
	if (m.self) return selfState(g);
	const lacks = m.behind_files || 0;
	const late = lacks && m.behind_since && since(m.behind_since) !== NOW ? " since " + since(m.behind_since) : "";
	const missing = lacks ? "lacks " + count(lacks, "file") + late : null;
	if (!m.here) {
		const when = m.last_seen ? "away since " + since(m.last_seen) : "not seen by this agent yet";
		return { kind: "away", text: when + (missing ? ", " + missing : ""), lacks };
	}
	if (lacks) return { kind: "busy", text: missing, lacks, late };
	if (!m.connected) return { kind: "ok", text: "here, through other members", lacks: 0 };
	// What it lacks is not known while it still tells what it has.
	if (m.behind_files === null)
		return { kind: g.in_sync ? "ok" : "busy", text: g.in_sync ? "in sync" : "comparing", lacks: 0 };
	return { kind: "ok", text: "in sync", lacks: 0 };
}

function selfState(g) {
	if (g.error) return { kind: "bad", text: g.error, lacks: g.wanted };
	if (g.state === "paused") return { kind: "away", text: "paused", lacks: g.wanted };
	if (g.wanted)
		return {
			kind: g.state === "waiting" ? "away" : "busy",
			text: "lacks " + count(g.wanted, "file") + " (" + bytes(g.wanted_bytes) + ")",
			lacks: g.wanted,
		};
	if (g.state === "scanning" || g.pending) return { kind: "busy", text: "checking files", lacks: 0 };
	if (g.held) return { kind: "away", text: count(g.held, "change") + " held", lacks: 0 };
	if (g.problem_count) return { kind: "away", text: count(g.problem_count, "problem"), lacks: 0 };
	return { kind: "ok", text: g.state === "joining" ? "joining" : "in sync", lacks: 0 };
}

// How a group stands as a whole: {kind, word, text}. Green only if each member has everything and is here to prove it.
export function groupState(g) {
	const members = state.members[g.id] || [];
	const states = members.map((m) => ({ m, s: memberState(g, m) }));
	const fine = states.filter(({ s }) => s.kind === "ok").length;
	const others = members.filter((m) => !m.self);
	if (g.error || g.state === "error") return { kind: "bad", word: "Error", text: g.error || "" };
	if (g.state === "joining")
		return { kind: "busy", word: "Joining", text: "waits for a member that lets this agent in" };
	if (g.state === "paused")
		return { kind: "away", word: "Paused", text: "nothing is sent or received until you resume" };
	if (g.share_problem) return { kind: "bad", word: "Error", text: g.share_problem };
	const of = fine + " of " + members.length + " members in sync";
	if (members.length && !others.length)
		return { kind: g.in_sync ? "idle" : "busy", word: "Only here", text: "no other member yet" };
	const away = states.filter(({ m, s }) => !m.self && s.kind === "away");
	const why = [];
	if (away.length)
		why.push(
			away.length === 1
				? plain(away[0].m.name) + " " + away[0].s.text
				: listed(away.map(({ m }) => plain(m.name))) + " are away",
		);
	if (g.waits_for && !g.in_sync) why.push(plain(g.waits_for));
	if (!g.in_sync && g.last_in_sync) why.push("last in sync " + since(g.last_in_sync));
	if (["scanning", "syncing"].includes(g.state) && !away.length)
		return { kind: "busy", word: g.state === "scanning" ? "Scanning" : "Syncing", text: [of, ...why].join("; ") };
	if (fine === members.length && g.in_sync)
		return { kind: "ok", word: "In sync", text: "all " + members.length + " members have everything" };
	return {
		kind: g.state === "syncing" ? "busy" : "away",
		word: g.state === "syncing" ? "Syncing" : "Not everywhere",
		text: [of, ...why].join("; "),
	};
}

// One sentence over everything: {kind, text, more}.
export function wholeState() {
	const groups = state.status.groups;
	if (!groups.length)
		return { kind: "idle", text: "No group yet", more: "A group is a folder that several machines keep identical." };
	const all = groups.map(groupState),
		not = all.filter((s) => s.kind !== "ok" && s.kind !== "idle").length;
	const alone = groups.filter((g, i) => all[i].kind === "idle").map((g) => plain(g.group));
	const worst = ["bad", "away", "busy", "ok", "idle"].find((k) => all.some((s) => s.kind === k));
	if (worst === "ok")
		return {
			kind: "ok",
			text: "Everything is everywhere",
			more: alone.length
				? "Except " + listed(alone) + ": no other member yet."
				: groups.length === 1
					? all[0].text
					: "in all " + groups.length + " groups",
		};
	if (worst === "idle")
		return { kind: "idle", text: "No other member yet", more: "Invite one, and its copy appears here." };
	const text = { bad: "Something is wrong", away: "Not everything is everywhere", busy: "On its way" }[worst];
	const which = groups.findIndex((g, i) => all[i].kind === worst);
	return {
		kind: worst,
		text,
		more:
			not > 1
				? not + " of " + groups.length + " groups"
				: (groups.length > 1 ? plain(groups[which].group) + ": " : "") + all[which].text,
	};
}
