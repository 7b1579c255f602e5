// The files of a group, folder by folder: who has what, what is here, and what one can do about it.
import { h, icon, ask, command, say } from "./dom.js";
import { state, act, want } from "./store.js";
import { content, get, ofGroup } from "./api.js";
import { dropTarget, uploadButton } from "./upload.js";
import { showAllVersions, showVersions } from "./versions.js";
import { bytes, folderOf, lastOf, listed, moment, plain, quote } from "./words.js";

const PAGE = 200;
let at = { id: null, path: "" },
	list = [],
	next = null,
	loading = false,
	why = null,
	opened = null,
	turn = 0,
	heard = 0; // the number of the event that was last followed

const draw = () => document.dispatchEvent(new Event("lanyard-draw"));

// The files right in a folder, PAGE at a time. An agent that cannot list one level sends what is below as well.
async function load(more) {
	const mine = ++turn;
	loading = true;
	draw();
	try {
		const got = await get(ofGroup(at.id, "files"), {
			path: at.path || null,
			level: 1,
			limit: PAGE,
			after: more ? next : null,
		});
		const inside = got.files.filter((f) => folderOf(f.path) === at.path && f.path !== at.path);
		if (mine !== turn) return;
		list = more ? list.concat(inside) : inside;
		next = got.next || null;
		why = null;
	} catch (e) {
		if (mine !== turn) return;
		list = more ? list : [];
		next = null;
		why = e.message;
	}
	loading = false;
	draw();
}

const address = (id, path) => "#/files/" + [id, ...(path ? path.split("/") : [])].map(encodeURIComponent).join("/");

function crumbs(g) {
	const parts = at.path ? at.path.split("/") : [];
	return h(
		"nav",
		{ "aria-label": "Folders", class: "crumbs" },
		h(
			"ol",
			{},
			h(
				"li",
				{},
				h("a", { href: address(g.id, ""), "aria-current": parts.length ? null : "location" }, plain(g.group)),
			),
			parts.map((p, i) =>
				h(
					"li",
					{},
					h(
						"a",
						{
							href: address(g.id, parts.slice(0, i + 1).join("/")),
							"aria-current": i === parts.length - 1 ? "location" : null,
						},
						plain(p),
					),
				),
			),
		),
	);
}

function holders(g, f) {
	const all = state.members[g.id] || [],
		have = all.filter((m) => (f.members || []).includes(m.agent));
	const keepers = all.filter((m) => m.role !== "vault");
	if (f.kind === "dir") return "";
	if (keepers.length > 1 && keepers.every((m) => have.includes(m)))
		return keepers.length === 2 ? "both" : "all " + keepers.length;
	return listed(have.map((m) => (m.self ? "this agent" : plain(m.name))));
}

function standing(g, f) {
	if (f.shared === false) return ["idle", "only here, not shared"];
	if (f.behind) return ["busy", "newer on its way"];
	if (f.here) return ["ok", "here"];
	return f.wanted ? ["busy", "wanted"] : ["idle", "not here"];
}

// --- what one can do ---

async function download(g, f) {
	const note = say("Fetching " + plain(f.path) + " …", "error");
	try {
		const got = await content(g.id, f.path, 0, (done, size) => {
			note.firstChild.data = "Fetching " + plain(lastOf(f.path)) + ": " + bytes(done) + " of " + bytes(size);
		});
		const url = URL.createObjectURL(got.blob);
		const a = h("a", { href: url, download: plain(lastOf(f.path)) });
		document.body.append(a);
		a.click();
		a.remove();
		setTimeout(() => URL.revokeObjectURL(url), 60000);
		note.remove();
		say("Fetched " + plain(f.path) + ".");
	} catch (e) {
		note.remove();
		say(plain(f.path) + ": " + e.message, "error");
	}
}

async function change(g, what, body, done) {
	const got = await act(ofGroup(g.id, what), body, done);
	if (got) load();
	return got;
}

async function drop(g, f) {
	const got = await change(
		g,
		"drop",
		{ paths: [f.path] },
		(d) =>
			"Dropped " +
			d.dropped +
			" here." +
			(d.refused_count ? " " + d.refused_count + " stay: " + d.refused[0].reason : ""),
	);
	if (got && got.refused_count && /last|only/.test(got.refused[0].reason))
		ask(
			"Drop it all the same?",
			[plain(f.path) + " stays: " + plain(got.refused[0].reason) + "."],
			"Drop",
			() => change(g, "drop", { paths: [f.path], even_if_last: true }, "Dropped."),
			true,
		);
}

function actions(g, f) {
	const p = [f.path];
	return [
		f.kind === "file" ? h("button", { onclick: () => download(g, f) }, "Download") : null,
		g.mode === "on-demand" && !f.wanted
			? h("button", { onclick: () => change(g, "get", { paths: p }, "It comes.") }, "Get")
			: null,
		g.mode === "on-demand" && f.wanted ? h("button", { onclick: () => drop(g, f) }, "Drop") : null,
		f.shared === false
			? h("button", { onclick: () => change(g, "share", { paths: p }, "Shared again.") }, "Share")
			: h(
					"button",
					{
						onclick: () =>
							ask(
								"Stop sharing " + plain(f.path) + " from here?",
								"It stays on this disk as it is. Changes are neither told to others nor taken from them.",
								"Unshare",
								() => change(g, "unshare", { paths: p }, "Not shared from here any more."),
							),
					},
					"Unshare",
				),
		f.kind !== "dir" ? h("button", { onclick: () => showVersions(g.id, f.path) }, "Versions") : null,
	];
}

function details(g, f) {
	return h(
		"tr",
		{ key: "details " + f.path, class: "details" },
		h(
			"td",
			{ colspan: 5 },
			h(
				"p",
				{ class: "small" },
				(f.kind === "dir" ? "Folder" : "Changed " + moment(f.mtime)) +
					". Known to have it: " +
					listed(
						(state.members[g.id] || []).filter((m) => (f.members || []).includes(m.agent)).map((m) => plain(m.name)),
						100,
					) +
					".",
			),
			h("div", { class: "actions" }, actions(g, f)),
		),
	);
}

function row(g, f) {
	const [kind, text] = standing(g, f),
		name = plain(lastOf(f.path)),
		open = opened === f.path;
	return [
		h(
			"tr",
			{ key: f.path },
			h(
				"th",
				{ scope: "row" },
				icon(f.kind === "dir" ? "dir" : f.kind === "symlink" ? "link" : "file"),
				f.kind === "dir" ? h("a", { href: address(g.id, f.path) }, name) : h("span", {}, name),
			),
			h("td", { class: "num" }, f.kind === "file" ? bytes(f.size) : ""),
			h("td", { class: "wide" }, holders(g, f)),
			h("td", {}, h("span", { class: "stand " + kind }, text)),
			h(
				"td",
				{},
				h(
					"button",
					{
						class: "quiet",
						"aria-expanded": open ? "true" : "false",
						"aria-label": "Actions for " + name,
						onclick: () => {
							opened = open ? null : f.path;
							draw();
						},
					},
					"⋯",
				),
			),
		),
		open ? details(g, f) : null,
	];
}

// What happens in the folder is shown, unless the user has gone on to further pages.
function follow(g) {
	const inside = at.path ? at.path + "/" : "";
	const e = state.events.find(
		(x) => x.group === g.group && (x.path ? x.path.startsWith(inside) : x.event === "files-listed"),
	);
	if (!e || e.number <= heard) return;
	heard = e.number;
	if (!loading && list.length <= PAGE) setTimeout(load, 0);
}

const writes = (g) => g.role === "owner" || g.role === "member";

function more() {
	if (loading) return h("p", { class: "muted" }, "Reading …");
	return next ? h("button", { onclick: () => load(true) }, "Show more") : null;
}

// The group whose view this is, chosen by the address or the first one.
export const groupAt = (id) => state.status.groups.find((g) => g.id === id) || state.status.groups[0];

// A choice of the group, if there are several.
export function groupChoice(view, g) {
	const groups = state.status.groups;
	if (groups.length < 2) return null;
	return h(
		"p",
		{ class: "choose" },
		h("label", { for: "group-choice" }, "Group "),
		h(
			"select",
			{
				id: "group-choice",
				key: g.id,
				onchange: (e) => {
					location.hash = "#/" + view + "/" + e.target.value;
				},
			},
			groups.map((x) => h("option", { value: x.id, selected: x === g }, plain(x.group))),
		),
	);
}

export const noGroup = (title) => [
	h("h1", {}, title),
	h("p", {}, "This agent is in no group yet. ", h("a", { href: "#/join" }, "Add a group")),
];

export const files = {
	parts: [],
	enter() {
		list = [];
		next = why = opened = null;
		at = { id: null, path: "" };
		want("members");
	},
	render([id, ...parts]) {
		const g = groupAt(id),
			path = parts.join("/");
		if (!g) return noGroup("Files");
		if (at.id !== g.id || at.path !== path) {
			at = { id: g.id, path };
			setTimeout(load, 0);
		}
		follow(g);
		return [
			h("h1", {}, "Files"),
			groupChoice("files", g),
			h(
				"section",
				{
					class: "card",
					key: g.id + "/" + path,
					"aria-label": "Files of " + plain(g.group),
					...(writes(g) ? dropTarget(g.id, path, load) : {}),
				},
				h("div", { class: "line" }, crumbs(g), writes(g) ? h("div", { class: "actions" }, uploadButton(g.id, path, load)) : null),
				g.role === "reader"
					? h("p", { class: "small" }, "This agent is a reader of the group: nothing can be put into it from here.")
					: null,
				why ? h("p", { role: "alert" }, why) : null,
				h(
					"div",
					{ class: "scroll", tabindex: "0", role: "region", "aria-label": "Files" },
					h(
						"table",
						{ class: "files" },
						h("caption", { class: "unseen" }, "Files in " + (plain(path) || plain(g.group))),
						h(
							"thead",
							{},
							h(
								"tr",
								{},
								h("th", { scope: "col" }, "Name"),
								h("th", { scope: "col", class: "num" }, "Size"),
								h("th", { scope: "col", class: "wide" }, "Who has it"),
								h("th", { scope: "col" }, "Here"),
								h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")),
							),
						),
						h(
							"tbody",
							{},
							list.map((f) => row(g, f)),
						),
					),
				),
				!loading && !why && !list.length
					? h("p", { class: "muted" }, "Nothing is here yet. Drop files here, or put them into the folder, and they appear at all members.")
					: null,
				more(),
				h(
					"form",
					{
						class: "inline",
						onsubmit: (e) => {
							e.preventDefault();
							showVersions(g.id, e.target.elements.path.value);
						},
					},
					h("label", { for: "gone" }, "Versions of a path that is gone"),
					h("input", { id: "gone", name: "path", required: true, placeholder: "folder/name" }),
					h("button", {}, "Show"),
					h("button", { type: "button", onclick: () => showAllVersions(g.id) }, "All kept versions"),
				),
				h("p", { class: "facts" }, "The folder on this machine: ", command(quote(g.share))),
			),
		];
	},
};
