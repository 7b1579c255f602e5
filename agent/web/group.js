// What is done to this agent's copy of a group: pause, mode, verification, leaving it.
import { h, ask, say } from "./dom.js";
import { state, act } from "./store.js";
import { ofGroup } from "./api.js";
import { count, plain } from "./words.js";

function verify(g) {
	say("Reading every file of " + plain(g.group) + " again …");
	act(
		ofGroup(g.id, "verify"),
		{},
		(got) =>
			count(got.files, "file") +
			" read, " +
			(got.rotten_count
				? count(got.rotten_count, "rotten file") + ": lanyard verify --repair downloads them again."
				: "all as they should be."),
	);
}

function leave(g) {
	const owners = (state.members[g.id] || []).filter((m) => m.role === "owner" && !m.self).length;
	const last = g.role === "owner" && !owners && (state.members[g.id] || []).length > 1;
	ask(
		"Leave " + plain(g.group) + "?",
		[
			g.vault
				? "What this vault stores in " + plain(g.share) + " is deleted."
				: "The files in " +
					plain(g.share) +
					" stay. Kept versions of older files are deleted. This agent gets no changes any more, and others get none from it.",
			!g.in_sync && g.waits_for ? "It is not in sync: " + plain(g.waits_for) + "." : "",
			last ? "This agent is the only owner: the group will have none, and nobody can decide who belongs." : "",
		].filter(Boolean),
		"Leave",
		async () => {
			if (await act(ofGroup(g.id, "leave"), last ? { abandon: true } : {}, "Left " + plain(g.group) + "."))
				location.hash = "#/";
		},
		true,
	);
}

export function groupActs(g) {
	const onDemand = g.mode === "on-demand";
	return h(
		"section",
		{ class: "card", "aria-labelledby": "acts" },
		h("h2", { id: "acts" }, "This agent's copy"),
		h(
			"p",
			{},
			onDemand
				? "On demand: it keeps the list of all files, and the content that was chosen."
				: "Mirror: it keeps every file.",
		),
		h(
			"div",
			{ class: "actions" },
			g.state === "paused"
				? h("button", { class: "main", onclick: () => act(ofGroup(g.id, "resume"), {}, "Sharing again.") }, "Resume")
				: h(
						"button",
						{ onclick: () => act(ofGroup(g.id, "pause"), {}, "Paused: nothing is sent or received until you resume.") },
						"Pause",
					),
			g.role === "vault"
				? null
				: h(
						"button",
						{
							onclick: () =>
								act(
									ofGroup(g.id, "mode"),
									{ mode: onDemand ? "mirror" : "on-demand" },
									onDemand ? "Every file comes." : "Nothing more comes than what is chosen; what is here stays.",
								),
						},
						onDemand ? "Keep everything" : "Keep what is chosen",
					),
			h("button", { onclick: () => verify(g) }, "Verify all files"),
			h("button", { class: "danger quiet", onclick: () => leave(g) }, "Leave the group"),
		),
	);
}
