// The agent itself: what it is, how it is set (read only), and what to run when something is wrong.
import { h, ask, command, say } from "./dom.js";
import { state, act } from "./store.js";
import { get } from "./api.js";
import { pill } from "./overview.js";
import { count, duration, moment, plain, quote } from "./words.js";

function facts(list) {
	return h(
		"dl",
		{ class: "facts-list" },
		list.filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]),
	);
}

let settings = null,
	examined = null,
	examining = false;

// The doctor looks when it is asked: it may take seconds.
async function examine() {
	examining = true;
	document.dispatchEvent(new Event("lanyard-draw"));
	try {
		examined = (await get("doctor")).checks;
	} catch (e) {
		say(e.message, "error");
	}
	examining = false;
	document.dispatchEvent(new Event("lanyard-draw"));
}

const KINDS = { ok: ["ok", "fine"], note: ["away", "note"], bad: ["bad", "wrong"] };

function finding(f, i) {
	const [kind, word] = KINDS[f.state] || KINDS.note;
	return h(
		"li",
		{ key: f.check + i },
		h("div", { class: "what" }, pill(kind, word), " ", h("strong", {}, plain(f.check)), h("p", { class: "small" }, plain(f.text)), f.cure ? h("p", { class: "small" }, "What helps: ", command(plain(f.cure))) : null),
	);
}

// What is wrong comes first, and what is fine is folded away.
function doctorCard() {
	const all = examined || [],
		fine = all.filter((f) => f.state === "ok"),
		rest = [...all.filter((f) => f.state === "bad"), ...all.filter((f) => f.state === "note")];
	return h(
		"section",
		{ class: "card", "aria-labelledby": "doctor" },
		h("h2", { id: "doctor" }, "Doctor"),
		h("p", {}, "Looks at this machine: network, disks, limits, clock, rights."),
		h(
			"div",
			{ class: "actions" },
			h("button", { class: "main", disabled: examining, onclick: examine }, examining ? "Looking …" : "Examine this machine"),
		),
		examined ? h("p", { role: "status" }, rest.length ? count(rest.length, "finding") + "." : "Nothing is wrong.") : null,
		h("ul", { class: "plain rows findings" }, rest.map(finding)),
		fine.length
			? h("details", {}, h("summary", {}, count(fine.length, "check") + " found nothing wrong"), h("ul", { class: "plain rows" }, fine.map(finding)))
			: null,
	);
}

async function loadSettings() {
	settings = examined = null;
	try {
		settings = await get("settings");
	} catch (e) {
		say(e.message, "error");
	}
	document.dispatchEvent(new Event("lanyard-draw"));
}

function settingRow(s) {
	const values = s.given.length ? s.given : [{ value: "default", place: "accepts " + s.accepted }];
	return values.map((g, i) =>
		h(
			"tr",
			{ key: s.key + i },
			h("th", { scope: "row" }, s.key),
			h("td", { class: s.given.length ? "path" : "muted" }, plain(g.value)),
			h("td", { class: "small" }, plain(g.place)),
		),
	);
}

function settingsCard() {
	if (!settings) return null;
	const list = settings.settings;
	return h(
		"section",
		{ class: "card", "aria-labelledby": "settings" },
		h("h2", { id: "settings" }, "Settings"),
		h("p", {}, "They are changed in lanyard.conf, and here only shown."),
		settings.pending.length
			? h("p", { class: "why" }, "Changed since the start, in effect after a restart: " + plain(settings.pending.join(", ")))
			: null,
		h(
			"div",
			{ class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of settings" },
			h(
				"table",
				{ class: "settings" },
				h("thead", {}, h("tr", {}, ["Setting", "Value", "Set where"].map((t) => h("th", { scope: "col" }, t)))),
				h(
					"tbody",
					{},
					[...list.filter((s) => s.given.length), ...list.filter((s) => !s.given.length)].map(settingRow),
				),
			),
		),
	);
}

const pauseAll = () =>
	ask(
		"Pause all groups?",
		"Nothing is sent or received in any group until you resume, also after a restart.",
		"Pause",
		() => act("pause", {}, "All groups are paused."),
	);

export const agent = {
	parts: [],
	enter: loadSettings,
	render() {
		const s = state.status,
			paused = s.groups.length && s.groups.every((g) => g.state === "paused");
		return [
			h("h1", {}, "This agent"),
			h(
				"section",
				{ class: "card", "aria-labelledby": "is" },
				h("h2", { id: "is" }, plain(s.name)),
				facts([
					["Agent ID", h("span", { class: "path" }, s.agent)],
					["Version", s.version],
					["Running", s.uptime === undefined ? null : duration(s.uptime) + ", since " + moment(s.started)],
					["Port", String(s.port)],
					["Listens on", s.listen],
					["Discovery", s.discovery + (s.discovery_problem ? ": " + s.discovery_problem : "")],
				]),
				s.groups.length
					? h(
							"div",
							{ class: "actions" },
							paused
								? h(
										"button",
										{ class: "main", onclick: () => act("resume", {}, "All groups are shared again.") },
										"Resume all groups",
									)
								: h("button", { onclick: pauseAll }, "Pause all groups"),
						)
					: null,
			),
			s.groups.length
				? h(
						"section",
						{ class: "card", "aria-labelledby": "shares" },
						h("h2", { id: "shares" }, "Folders"),
						facts(s.groups.map((g) => [plain(g.group), command(quote(g.share))])),
					)
				: null,
			doctorCard(),
			settingsCard(),
			h(
				"section",
				{ class: "card", "aria-labelledby": "wrong" },
				h("h2", { id: "wrong" }, "When something is wrong"),
				h("p", {}, "When this page cannot be opened, the doctor in a terminal:"),
				command("lanyard doctor"),
				h("p", {}, "Whether the settings have a mistake:"),
				command("lanyardd --check-config"),
				h("p", {}, "What the agent logged:"),
				command("journalctl -u lanyardd -e"),
				h("p", {}, "End the sessions of all browsers:"),
				command("lanyard web --revoke"),
			),
		];
	},
};
