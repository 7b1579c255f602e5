// Conflicts: both sides next to each other (text as a difference, pictures as pictures), and which one to keep.
import { h, ask, say } from "./dom.js";
import { state, act, want } from "./store.js";
import { content, ofGroup, post } from "./api.js";
import { sideBySide } from "./diff.js";
import { bytes, count, moment, plain } from "./words.js";

const TEXT_LIMIT = 400 * 1024,
	PICTURE_LIMIT = 32 << 20;
const PICTURES = {
	png: "image/png",
	jpg: "image/jpeg",
	jpeg: "image/jpeg",
	gif: "image/gif",
	webp: "image/webp",
	svg: "image/svg+xml",
	avif: "image/avif",
	bmp: "image/bmp",
};
const KEEP = { mine: "mine", theirs: "theirs", both: "both" };
const chosen = new Set();

const draw = () => document.dispatchEvent(new Event("lanyard-draw"));
const keyOf = (c) => c.group_id + "\n" + c.copy;

function groupOf(c) {
	return state.status.groups.find((g) => g.id === c.group_id);
}

function author(c, side) {
	if (!side) return "nobody: it was deleted";
	if (side.mine) return "this agent";
	const g = groupOf(c),
		m = g && (state.members[g.id] || []).find((x) => x.agent === side.by);
	return m ? plain(m.name) : side.by ? "a member" : "a former member";
}

async function resolveAll(list, keep) {
	let done = 0;
	for (const c of list) {
		try {
			await post(ofGroup(groupOf(c).id, "resolve"), { path: c.copy, keep });
			chosen.delete(keyOf(c));
			done++;
		} catch (e) {
			say(plain(c.path) + ": " + e.message, "error");
		}
	}
	if (done) say("Settled " + count(done, "conflict") + ". What was put away is among the kept versions.");
	want("status", "conflicts");
	if (location.hash.startsWith("#/conflicts")) location.hash = "#/attention";
}

function keepButtons(list, about) {
	const act1 = (keep, text) => () =>
		list.length > 1
			? ask(
					"Settle " + count(list.length, "conflict") + "?",
					text + " The other side becomes a kept version.",
					"Settle",
					() => resolveAll(list, keep),
				)
			: resolveAll(list, keep);
	const hidden = about ? h("span", { class: "unseen" }, " of " + about) : null;
	return [
		h("button", { onclick: act1(KEEP.mine, "What was written on this machine stays.") }, "Keep mine", hidden),
		h("button", { onclick: act1(KEEP.theirs, "What was written elsewhere stays.") }, "Keep theirs", hidden),
		h("button", { onclick: act1(KEEP.both, "Both stay, under two names.") }, "Keep both", hidden),
	];
}

function item(c) {
	const key = keyOf(c),
		g = groupOf(c);
	return h(
		"li",
		{ key, class: "item" },
		h(
			"div",
			{},
			h(
				"label",
				{ class: "choice" },
				h("input", {
					type: "checkbox",
					onchange: (e) => {
						chosen[e.target.checked ? "add" : "delete"](key);
						draw();
					},
				}),
				h("span", { class: "unseen" }, "Choose "),
				h("strong", { class: "path" }, plain(c.path)),
				h("span", { class: "muted" }, " " + plain(c.group)),
			),
			h(
				"ul",
				{ class: "plain small" },
				c.sides.map((s) =>
					h(
						"li",
						{},
						(s.path === c.path ? "at the path: " : "the copy: ") +
							bytes(s.size) +
							" by " +
							author(c, s) +
							", " +
							moment(s.modified),
					),
				),
			),
		),
		h(
			"div",
			{ class: "actions" },
			g
				? h(
						"a",
						{ class: "button", href: "#/conflicts/" + encodeURIComponent(g.id) + "/" + encodeURIComponent(c.copy) },
						"Compare",
						h("span", { class: "unseen" }, " " + plain(c.path)),
					)
				: null,
			keepButtons([c], plain(c.path)),
		),
	);
}

export function conflictList() {
	const list = state.conflicts.filter((c) => chosen.has(keyOf(c)));
	return h(
		"section",
		{ class: "card", key: "Conflicts", "aria-labelledby": "conflicts-title" },
		h(
			"header",
			{},
			h("h2", { id: "conflicts-title" }, "Conflicts"),
			h(
				"div",
				{ class: "actions" },
				list.length ? [h("span", { class: "muted" }, list.length + " chosen: "), keepButtons(list)] : null,
			),
		),
		h(
			"p",
			{ class: "muted" },
			"Two members changed the same file without knowing of each other. Nothing is lost: the losing side is a copy beside it.",
		),
		h("ul", { class: "plain items" }, state.conflicts.slice(0, 200).map(item)),
		state.conflicts.length > 200 ? h("p", { class: "muted" }, "and " + (state.conflicts.length - 200) + " more") : null,
	);
}

// --- side by side ---

let sides = null; // {key, left, right}: each {text} or {url} or {note}

async function side(group, path, wantText) {
	const type = PICTURES[path.split(".").pop().toLowerCase()];
	const got = await content(group, path, type ? PICTURE_LIMIT : TEXT_LIMIT, null, type);
	if (got.info.kind !== "file")
		return { note: got.info.kind === "symlink" ? "A symlink to " + plain(got.info.target) : "A folder" };
	if (type && got.whole && !wantText) return { url: URL.createObjectURL(got.blob) };
	const data = new Uint8Array(await got.blob.arrayBuffer());
	if (data.indexOf(0) >= 0) return { note: "Not text: " + bytes(got.info.size) };
	try {
		return {
			text: new TextDecoder("utf-8", { fatal: true }).decode(
				got.whole ? data : data.subarray(0, data.lastIndexOf(10) + 1),
			),
			cut: !got.whole,
		};
	} catch (e) {
		return { note: "Not text: " + bytes(got.info.size) };
	}
}

async function load(id, copy) {
	const c = find(id, copy),
		key = id + copy;
	forget();
	sides = { key };
	if (!c) return;
	const safe = async (path) => {
		try {
			return await side(id, path);
		} catch (e) {
			return { note: e.message };
		}
	};
	const here = c.sides.find((s) => s.path === c.path);
	const left = here ? await safe(c.path) : { note: "Nothing: it was deleted." },
		right = await safe(c.copy);
	if (sides && sides.key === key) sides = { key, left, right };
	draw();
}

function forget() {
	for (const s of sides ? [sides.left, sides.right] : []) if (s && s.url) URL.revokeObjectURL(s.url);
	sides = null;
}

const find = (id, copy) => state.conflicts.find((c) => c.copy === copy && (groupOf(c) || {}).id === id);

function table(c, rows) {
	const cell = (line, n, mark, kind) => [
		h("td", { class: "n" }, n || ""),
		h(
			"td",
			{ class: line === null ? "none" : kind },
			line === null ? "" : [kind ? h("span", { class: "mark" }, mark) : null, h("span", { class: "text" }, line)],
		),
	];
	return h(
		"div",
		{ class: "scroll", tabindex: "0", role: "region", "aria-label": "Difference" },
		h(
			"table",
			{ class: "diff" },
			h(
				"caption",
				{ class: "unseen" },
				"Lines of both sides; lines of the left alone are marked −, of the right alone +",
			),
			h("colgroup", {}, h("col", { class: "n" }), h("col"), h("col", { class: "n" }), h("col")),
			h(
				"thead",
				{},
				h(
					"tr",
					{},
					h("th", { colspan: 2, scope: "colgroup" }, "At the path"),
					h("th", { colspan: 2, scope: "colgroup" }, "The copy"),
				),
			),
			h(
				"tbody",
				{},
				rows.map((r) =>
					r.skip
						? h("tr", { class: "skip" }, h("td", { colspan: 4 }, count(r.skip, "equal line")))
						: h("tr", {}, cell(r.a, r.na, "−", r.changed ? "del" : ""), cell(r.b, r.nb, "+", r.changed ? "ins" : "")),
				),
			),
		),
	);
}

function one(c, s, title) {
	return h(
		"figure",
		{},
		h("figcaption", {}, title),
		!s
			? h("p", { class: "muted" }, "Reading …")
			: s.url
				? h("img", { src: s.url, alt: title })
				: s.note
					? h("p", {}, s.note)
					: h("pre", { tabindex: "0" }, s.text),
	);
}

function compare(c) {
	const l = sides.left,
		r = sides.right;
	if (!l || !r) return h("p", { class: "muted" }, "Reading both sides …");
	if (l.text !== undefined && r.text !== undefined) {
		const rows = sideBySide(l.text, r.text);
		const cut =
			l.cut || r.cut ? h("p", { class: "muted" }, "Only the first " + bytes(TEXT_LIMIT) + " are compared.") : null;
		if (rows && rows.some((x) => x.changed)) return [cut, table(c, rows)];
	}
	return h("div", { class: "sides" }, one(c, l, "At the path"), one(c, r, "The copy"));
}

export const conflicts = {
	parts: ["conflicts"],
	enter([id, copy]) {
		forget();
		sides = { key: null };
		if (find(id, copy)) load(id, copy);
	},
	render([id, copy]) {
		const c = find(id, copy);
		if (!c)
			return [
				h("h1", {}, "Conflict"),
				h("p", {}, "This conflict is settled. ", h("a", { href: "#/attention" }, "Back")),
			];
		if (sides.key !== id + copy) load(id, copy);
		const here = c.sides.find((s) => s.path === c.path),
			other = c.sides.find((s) => s.path === c.copy);
		return [
			h("p", {}, h("a", { href: "#/attention" }, "Attention")),
			h("h1", { class: "path" }, plain(c.path)),
			h(
				"section",
				{ class: "card" },
				h(
					"dl",
					{ class: "pair" },
					h("dt", {}, "At the path"),
					h("dd", {}, (here ? bytes(here.size) + ", " + moment(here.modified) + ", " : "") + "by " + author(c, here)),
					h("dt", {}, "The copy"),
					h(
						"dd",
						{},
						(other ? bytes(other.size) + ", " + moment(other.modified) + ", " : "") + "by " + author(c, other),
					),
				),
				h("div", { class: "actions" }, keepButtons([c])),
				compare(c),
			),
		];
	},
};
