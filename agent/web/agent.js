// The agent itself: what it is, how it is set (read only), and what to run when something is wrong.
import { h, ask, command, say } from "./dom.js";
import { state, act } from "./store.js";
import { get } from "./api.js";
import { duration, moment, plain, quote } from "./words.js";

function facts(list) {
	return h(
		"dl",
		{ class: "facts-list" },
		list.filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]),
	);
}

let settings = null;

async function loadSettings() {
	settings = null;
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
			h(
				"section",
				{ class: "card", "aria-labelledby": "shares" },
				h("h2", { id: "shares" }, "Folders"),
				facts(s.groups.map((g) => [plain(g.group), command(quote(g.share))])),
			),
			settingsCard(),
			h(
				"section",
				{ class: "card", "aria-labelledby": "wrong" },
				h("h2", { id: "wrong" }, "When something is wrong"),
				h("p", {}, "The doctor looks at this machine: network, disk, limits, clock, rights."),
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
