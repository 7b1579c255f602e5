// Who belongs to a group: invites as text and as a code to photograph, members, and their roles.
import { h, ask, command, copyText, dialog, say } from "./dom.js";
import { state, act } from "./store.js";
import { get, ofGroup } from "./api.js";
import { memberState } from "./health.js";
import { groupAt, groupChoice, noGroup } from "./files.js";
import { pill } from "./overview.js";
import { requestItem } from "./trouble.js";
import { groupActs } from "./group.js";
import { count, moment, plain, shortId, since } from "./words.js";

let invites = { id: null, list: [] };

const draw = () => document.dispatchEvent(new Event("lanyard-draw"));

async function loadInvites(id) {
	invites = { id, list: [] };
	try {
		const list = (await get(ofGroup(id, "invites"))).invites;
		if (invites.id === id) invites.list = list;
	} catch (e) {
		say(e.message, "error");
	}
	draw();
}

// --- invites ---

function drawQr(qr) {
	return (canvas) => {
		const size = qr.size + 8,
			scale = Math.max(3, Math.floor(280 / size)),
			c = canvas.getContext("2d");
		canvas.width = canvas.height = size * scale;
		c.fillStyle = "#fff";
		c.fillRect(0, 0, size * scale, size * scale);
		c.fillStyle = "#000";
		qr.rows.forEach((row, y) =>
			[...row].forEach((m, x) => m === "1" && c.fillRect((x + 4) * scale, (y + 4) * scale, scale, scale)),
		);
	};
}

function showInvite(got) {
	let canvas = null;
	if (got.qr) {
		canvas = h("canvas", { class: "qr", role: "img", "aria-label": "The token as a QR code" });
		drawQr(got.qr)(canvas);
	}
	dialog(
		"Invite to " + plain(got.group),
		() => [
			h(
				"p",
				{},
				"Whoever has this token becomes a " +
					got.role +
					" of the group: " +
					count(got.uses, "agent") +
					", until " +
					moment(got.expires) +
					". Send it as you would send a password.",
			),
			h(
				"div",
				{ class: "invite" },
				canvas,
				h(
					"div",
					{},
					h("label", { for: "token" }, "Token"),
					h("textarea", { id: "token", readonly: true, rows: 6, onfocus: (e) => e.target.select() }, got.token),
					h(
						"div",
						{ class: "actions" },
						h("button", { class: "main", autofocus: true, onclick: () => copyText(got.token) }, "Copy the token"),
					),
				),
			),
			h("p", {}, "On the other machine, run this and paste the token, then press Ctrl-D:"),
			command("lanyard join --invite -"),
		],
		true,
	);
}

async function invite(g, form) {
	const e = form.elements;
	const got = await act(ofGroup(g.id, "invite"), {
		expires: Number(e.expires.value),
		role: e.role.value,
		uses: Math.max(1, Number(e.uses.value) || 1),
		qr: true,
	});
	if (got) {
		showInvite(got);
		loadInvites(g.id);
	}
}

function inviteForm(g) {
	const field = (name, label, control) => h("p", { class: "field" }, h("label", { for: name }, label), control);
	return h(
		"section",
		{ class: "card", "aria-labelledby": "invite-title" },
		h("h2", { id: "invite-title" }, "Invite"),
		h(
			"form",
			{
				class: "fields",
				onsubmit: (e) => {
					e.preventDefault();
					invite(g, e.target);
				},
			},
			field(
				"role",
				"As",
				h(
					"select",
					{ id: "role" },
					h("option", { value: "member" }, "member: reads and changes"),
					h("option", { value: "reader" }, "reader: only receives"),
					g.sealed ? h("option", { value: "vault" }, "vault: stores what it cannot read") : null,
				),
			),
			field(
				"expires",
				"Good for",
				h(
					"select",
					{ id: "expires" },
					[
						[3600, "1 hour"],
						[86400, "1 day"],
						[604800, "1 week"],
						[2592000, "30 days"],
					].map(([v, t]) => h("option", { value: v, selected: v === 86400 }, t)),
				),
			),
			field("uses", "Lets in, agents", h("input", { id: "uses", type: "number", min: 1, max: 1024, value: 1 })),
			h("button", { class: "main" }, "Make an invite"),
		),
		invites.list.length
			? h(
					"details",
					{},
					h("summary", {}, count(invites.list.length, "invite") + " made"),
					h(
						"ul",
						{ class: "plain rows" },
						invites.list.map((i) =>
							h(
								"li",
								{ key: i.id },
								h(
									"span",
									{ class: "what" },
									h("strong", {}, i.state),
									" " +
										shortId(i.id) +
										(i.role ? ", " + i.role : "") +
										", used " +
										i.used +
										(i.uses ? " of " + i.uses : "") +
										(i.expires ? ", until " + moment(i.expires) : ""),
								),
								i.state === "open"
									? h(
											"button",
											{
												onclick: async () => {
													await act(ofGroup(g.id, "revoke"), { invite: i.id }, "Taken back.");
													loadInvites(g.id);
												},
											},
											"Take back",
											h("span", { class: "unseen" }, " " + shortId(i.id)),
										)
									: null,
							),
						),
					),
				)
			: null,
	);
}

// --- members ---

function setRole(g, m, role) {
	const go = () =>
		act(
			ofGroup(g.id, "role"),
			{ agent: m.agent, role },
			plain(m.name) + " is " + (role === "owner" ? "an owner" : "a " + role) + " now.",
		);
	if (role === "vault")
		ask(
			"Make " + plain(m.name) + " a vault?",
			[
				"It gets no key any more, and stores what it cannot read. Files that it has now stay there, readable.",
				"It becomes a member again only by leaving and joining.",
			],
			"Make vault",
			go,
			true,
		);
	else if (role === "owner")
		ask(
			"Make " + plain(m.name) + " an owner?",
			"An owner decides who belongs, and can remove every other member, this agent too.",
			"Make owner",
			go,
		);
	else go();
}

function remove(g, m) {
	ask(
		"Remove " + plain(m.name) + " from " + plain(g.group) + "?",
		[
			"It learns nothing that changes from now on, and its connections are closed everywhere.",
			"The files on its disk stay there.",
		],
		"Remove",
		() => act(ofGroup(g.id, "remove"), { agent: m.agent }, plain(m.name) + " is not a member any more."),
		true,
	);
}

function memberItem(g, m) {
	const s = memberState(g, m),
		decide = g.role === "owner" && !m.self;
	const id = "role-" + m.agent;
	return h(
		"li",
		{ key: m.agent, class: "item" },
		h(
			"div",
			{},
			h(
				"p",
				{},
				h("strong", {}, plain(m.name) || shortId(m.agent)),
				m.self ? h("span", { class: "tag" }, "this agent") : null,
				" ",
				pill(s.kind, s.text),
			),
			h("p", { class: "small" }, m.role + " since " + since(m.since) + ". ", h("span", { class: "path" }, m.agent)),
		),
		h(
			"div",
			{ class: "actions" },
			decide
				? [
						m.role === "vault"
							? null
							: [
									h("label", { for: id, class: "unseen" }, "Role of " + plain(m.name)),
									h(
										"select",
										{
											id,
											key: m.role,
											onchange: (e) => {
												setRole(g, m, e.target.value);
												e.target.value = m.role;
											},
										},
										["owner", "member", "reader", ...(g.sealed ? ["vault"] : [])].map((r) => h("option", { value: r, selected: r === m.role }, r)),
									),
								],
						h(
							"button",
							{ class: "danger quiet", onclick: () => remove(g, m) },
							"Remove",
							h("span", { class: "unseen" }, " " + plain(m.name)),
						),
					]
				: null,
		),
	);
}

export const people = {
	parts: ["members", "requests"],
	enter() {
		invites = { id: null, list: [] };
	},
	render([id]) {
		const g = groupAt(id);
		if (!g) return noGroup("Members");
		if (g.role === "owner" && invites.id !== g.id) setTimeout(() => invites.id !== g.id && loadInvites(g.id), 0);
		const members = state.members[g.id] || [],
			asks = state.requests.filter((r) => r.group_id === g.id);
		return [
			h("h1", {}, "Members"),
			groupChoice("members", g),
			g.role === "owner" ? inviteForm(g) : null,
			asks.length
				? h(
						"section",
						{ class: "card", "aria-labelledby": "asks" },
						h("h2", { id: "asks" }, "Requests to join"),
						h("ul", { class: "plain items" }, asks.map(requestItem)),
					)
				: null,
			h(
				"section",
				{ class: "card", "aria-labelledby": "belongs" },
				h("h2", { id: "belongs" }, count(members.length, "member") + " of " + plain(g.group)),
				h(
					"ul",
					{ class: "plain items" },
					members.map((m) => memberItem(g, m)),
				),
			),
			groupActs(g),
		];
	},
};
