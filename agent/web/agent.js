// The agent itself: what it is, how it is set (read only), and what to run when something is wrong.
import { h, ask, command } from "./dom.js";
import { state, act } from "./store.js";
import { duration, moment, plain, quote } from "./words.js";

function facts(list) {
	return h(
		"dl",
		{ class: "facts-list" },
		list.filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]),
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
			h(
				"section",
				{ class: "card", "aria-labelledby": "wrong" },
				h("h2", { id: "wrong" }, "When something is wrong"),
				h("p", {}, "The doctor looks at this machine: network, disk, limits, clock, rights."),
				command("lanyard doctor"),
				h("p", {}, "What was set, and where:"),
				command("lanyardd --check-config"),
				h("p", {}, "What the agent logged:"),
				command("journalctl -u lanyardd -e"),
				h("p", {}, "End the sessions of all browsers:"),
				command("lanyard web --revoke"),
			),
		];
	},
};
