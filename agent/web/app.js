// The page: which view is shown, the list of views, and the state of the connection to the agent.
import { drawAll, h, icon, say, show, command } from "./dom.js";
import { logOut } from "./api.js";
import { state, start, watch, attention } from "./store.js";
import { plain } from "./words.js";
import { overview } from "./overview.js";
import { transfers } from "./transfers.js";
import { trouble } from "./trouble.js";
import { conflicts } from "./conflicts.js";
import { files } from "./files.js";
import { people } from "./people.js";
import { join } from "./join.js";
import { activity } from "./activity.js";
import { agent } from "./agent.js";

// name in the address -> [what the list of views calls it, its icon, the view]. A view has parts (what the store has to
// ask for), render(rest of the address), and enter(rest) if it keeps something of its own.
const VIEWS = {
	"": ["Overview", "home", overview],
	transfers: ["Transfers", "swap", transfers],
	attention: ["Attention", "bell", trouble],
	conflicts: [null, null, conflicts],
	files: ["Files", "dir", files],
	members: ["Members", "people", people],
	join: ["Add a group", "plus", join],
	activity: ["Recent changes", "list", activity],
	agent: ["This agent", "gear", agent],
};

let shown = null;

function place() {
	const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
	return name in VIEWS ? { name, rest: rest.map(decodeURIComponent) } : { name: "", rest: [] };
}

function navigation(now) {
	const waiting = attention();
	return h(
		"ul",
		{},
		Object.entries(VIEWS)
			.filter(([, v]) => v[0])
			.map(([name, [word, sign]]) =>
				h(
					"li",
					{ key: name },
					h(
						"a",
						{ href: "#/" + name, "aria-current": (now === "conflicts" ? "attention" : now) === name ? "page" : null },
						icon(sign),
						h("span", {}, word),
						name === "attention" && waiting
							? h("span", { class: "badge" }, waiting, h("span", { class: "unseen" }, " waiting"))
							: null,
					),
				),
			),
	);
}

function foot() {
	const s = state.status;
	if (!s) return [];
	const [kind, text] = state.failure
		? ["bad", state.failure]
		: state.connected
			? ["ok", "live"]
			: ["idle", "connecting"];
	return h(
		"p",
		{ class: "foot" },
		h("span", { class: "dot " + kind }),
		" ",
		h("strong", {}, plain(s.name)),
		" ",
		h("span", { class: "muted" }, text),
		" ",
		state.locked ? null : h("button", { onclick: () => logOut().catch((e) => say(e.message, "error")) }, "Log out"),
	);
}

const locked = () =>
	h(
		"section",
		{ class: "card narrow" },
		h("h1", {}, "This browser has no session"),
		h(
			"p",
			{},
			"Run this on the agent's machine, as the agent's user. It opens this page, or prints a link that works once.",
		),
		command("lanyard web"),
		location.protocol === "https:" ? h("p", {}, h("a", { href: "/login" }, "Log in with the password")) : null,
	);

const waiting = () =>
	state.failure
		? h(
				"section",
				{ class: "card narrow", role: "alert" },
				h("h1", {}, "No answer"),
				h("p", {}, state.failure),
				h("p", { class: "muted" }, "The page asks again every few seconds."),
			)
		: h("p", { class: "muted" }, "Asking the agent …");

function draw() {
	const at = place(),
		view = VIEWS[at.name][2];
	show(document.getElementById("nav"), navigation(at.name));
	show(document.getElementById("foot"), foot());
	const root = document.getElementById("view");
	if (state.locked) show(root, locked());
	else if (!state.status) show(root, waiting());
	else
		show(
			root,
			state.failure
				? h("p", { key: "failure", class: "banner bad", role: "alert" }, icon("warn"), " ", state.failure)
				: null,
			view.render(at.rest),
		);
}

// Views call this when something of their own has changed.
document.addEventListener("lanyard-draw", draw);

function move() {
	const at = place(),
		key = location.hash;
	if (key === shown) return;
	const first = shown === null;
	document.querySelectorAll("dialog").forEach((d) => d.close());
	shown = key;
	show(document.getElementById("view"));
	const view = VIEWS[at.name][2];
	watch(...view.parts);
	if (view.enter) view.enter(at.rest);
	draw();
	// On a narrow page the list of views is wider than the window.
	const current = document.querySelector("#nav [aria-current]");
	if (current) current.scrollIntoView({ block: "nearest", inline: "center" });
	if (!first) {
		document.getElementById("main").focus({ preventScroll: true });
		window.scrollTo(0, 0);
	}
}

window.addEventListener("hashchange", move);
// A canvas follows neither its box nor the colors by itself.
window.addEventListener("resize", () => drawAll(document));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
start(draw);
move();
