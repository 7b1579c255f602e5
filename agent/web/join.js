// Into a group: with a token, by asking, or by founding one.
import { h, say } from "./dom.js";
import { state, act, want } from "./store.js";
import { ofGroup } from "./api.js";
import { count, plain, since } from "./words.js";

// Where shares are put, next to those there are.
function folder(name) {
	const g = state.status.groups[0],
		base = g ? g.share.slice(0, g.share.lastIndexOf("/")) : "";
	return base + "/" + (name || "").replace(/[/\\]/g, "_");
}

const field = (id, label, control, note) =>
	h(
		"p",
		{ class: "field" },
		h("label", { for: id }, label),
		control,
		note ? h("span", { class: "small", id: id + "-note" }, note) : null,
	);

async function busy(form, does) {
	const button = form.querySelector("button:not([type])");
	button.disabled = true;
	try {
		return await does();
	} finally {
		button.disabled = false;
	}
}

function submit(does) {
	return (e) => {
		e.preventDefault();
		busy(e.target, () => does(e.target.elements, e.target));
	};
}

async function byToken(e, form) {
	say("Joining: looking for a member that lets this agent in …");
	const got = await act(
		"join",
		{ token: e.token.value.trim(), share: e.share.value, mode: e.mode.value, timeout: 60 },
		(g) => "Joined " + plain(g.group) + "; its folder is " + plain(g.share) + ".",
	);
	if (got) {
		form.reset();
		location.hash = "#/";
	}
}

async function found(e, form) {
	const got = await act(
		"groups",
		{ name: e.name.value, share: e.share.value, hidden: e.hidden.checked, sealed: e.sealed.checked },
		(g) => "Founded " + plain(g.group) + "; its folder is " + plain(g.share) + ".",
	);
	if (got) {
		form.reset();
		location.hash = "#/members/" + got.id;
	}
}

async function askFor(s, e) {
	const got = await act(
		"ask",
		{ group: s.group + "#" + s.id, share: e.share.value, message: e.message.value, timeout: 5 },
		(g) =>
			g.code
				? "Asked. Your confirmation code is " + g.code + "."
				: "Asked. A code appears as soon as a member answers.",
	);
	if (got) want("status", "groups");
}

function seenItem(s, i) {
	const id = "seen-" + i;
	return h(
		"li",
		{ key: s.id, class: "item" },
		h(
			"div",
			{},
			h(
				"p",
				{},
				h("strong", {}, plain(s.group)),
				h("span", { class: "muted" }, " " + count(s.members, "member") + (s.owner ? ", owner " + plain(s.owner) : "")),
			),
		),
		h(
			"details",
			{},
			h("summary", { class: "button" }, "Ask to join", h("span", { class: "unseen" }, " " + plain(s.group))),
			h(
				"form",
				{ class: "stack", onsubmit: submit((e) => askFor(s, e)) },
				field(
					id + "-share",
					"Folder on this machine",
					h("input", { id: id + "-share", name: "share", required: true, pattern: "/.*", value: folder(s.group) }),
				),
				field(
					id + "-message",
					"Message to the owners",
					h("input", { id: id + "-message", name: "message", maxlength: 200 }),
				),
				h("button", { class: "main" }, "Ask"),
			),
		),
	);
}

function askedItem(a) {
	return h(
		"li",
		{ key: a.public_id, class: "item" },
		h(
			"div",
			{},
			h("p", {}, h("strong", {}, plain(a.group)), " " + a.state + ", since " + since(a.since)),
			a.code ? h("p", {}, "Your confirmation code: ", h("strong", { class: "code" }, a.code)) : null,
			(a.codes || []).length > 1
				? h(
						"p",
						{ class: "small" },
						"Others that answered gave " + a.codes.slice(1).join(", ") + "; tell the owner all of them.",
					)
				: null,
			h("p", { class: "small" }, plain(a.note)),
		),
		h(
			"div",
			{ class: "actions" },
			h(
				"button",
				{ onclick: () => act(ofGroup(a.group + "#" + a.public_id, "leave"), {}, "Not asked any more.") },
				"Stop asking",
			),
		),
	);
}

export const join = {
	parts: ["groups"],
	render() {
		const share = h("input", {
			id: "join-share",
			name: "share",
			required: true,
			pattern: "/.*",
			placeholder: "/home/me/photos",
			title: "an absolute path, beginning with /",
		});
		return [
			h("h1", {}, "Add a group"),
			state.status.asked.length
				? h(
						"section",
						{ class: "card", "aria-labelledby": "asked" },
						h("h2", { id: "asked" }, "Asked to join"),
						h("ul", { class: "plain items" }, state.status.asked.map(askedItem)),
					)
				: null,
			h(
				"div",
				{ class: "grid two" },
				h(
					"section",
					{ class: "card", "aria-labelledby": "by-token" },
					h("h2", { id: "by-token" }, "Join with a token"),
					h(
						"form",
						{ class: "stack", onsubmit: submit(byToken) },
						field(
							"join-token",
							"Token from an owner",
							h("textarea", {
								id: "join-token",
								name: "token",
								required: true,
								rows: 4,
								autocomplete: "off",
								spellcheck: "false",
								placeholder: "lanyard1-…",
							}),
						),
						field("join-share", "Folder on this machine", share),
						field(
							"join-mode",
							"Keep",
							h(
								"select",
								{ id: "join-mode", name: "mode" },
								h("option", { value: "mirror" }, "every file"),
								h("option", { value: "on-demand" }, "only what I choose"),
							),
						),
						h("button", { class: "main" }, "Join"),
					),
				),
				h(
					"section",
					{ class: "card", "aria-labelledby": "found" },
					h("h2", { id: "found" }, "Found a group"),
					h(
						"form",
						{ class: "stack", onsubmit: submit(found) },
						field("found-name", "Name", h("input", { id: "found-name", name: "name", required: true, maxlength: 64 })),
						field(
							"found-share",
							"Folder on this machine",
							h("input", {
								id: "found-share",
								name: "share",
								required: true,
								pattern: "/.*",
								placeholder: "/home/me/photos",
								title: "an absolute path, beginning with /",
							}),
						),
						h(
							"p",
							{},
							h(
								"label",
								{ class: "choice" },
								h("input", { type: "checkbox", name: "hidden" }),
								" Do not announce its name on the network",
							),
						),
						h(
							"p",
							{},
							h(
								"label",
								{ class: "choice" },
								h("input", { type: "checkbox", name: "sealed" }),
								" Seal its files, so that a vault can store what it cannot read",
							),
						),
						h("button", { class: "main" }, "Found it"),
					),
				),
			),
			h(
				"section",
				{ class: "card", "aria-labelledby": "seen" },
				h(
					"header",
					{},
					h("h2", { id: "seen" }, "Groups on the network"),
					h("button", { onclick: () => want("groups") }, "Look again"),
				),
				h(
					"p",
					{ class: "muted" },
					state.sightings
						? state.seen.length
							? "What others announce; it proves nothing."
							: "No other group is announced here. Hidden groups are not."
						: "Looking …",
				),
				h("ul", { class: "plain items" }, state.seen.map(seenItem)),
			),
		];
	},
};
