// The kept versions of one path as a timeline, and their way back.
import { h, dialog, say } from "./dom.js";
import { act } from "./store.js";
import { get, ofGroup } from "./api.js";
import { bytes, count, moment, plain, since } from "./words.js";

function restore(id, path, v, to, close) {
	return act(
		ofGroup(id, "restore"),
		{ path, version: v.version, ...(to ? { to } : {}) },
		(got) => "Restored to " + plain(got.to) + ".",
	).then((got) => got && close());
}

function entry(id, path, v, close) {
	const name = "to-" + v.version;
	return h(
		"li",
		{},
		h(
			"div",
			{},
			h("p", {}, h("strong", {}, "Replaced or deleted " + since(v.kept))),
			h("p", { class: "small" }, (v.kind === "file" ? bytes(v.size) : v.kind) + ", last changed " + moment(v.modified)),
		),
		h(
			"div",
			{ class: "actions" },
			h(
				"button",
				{ class: "main", onclick: () => restore(id, path, v, null, close) },
				"Restore",
				h("span", { class: "unseen" }, " the version of " + moment(v.modified)),
			),
			h(
				"details",
				{},
				h("summary", {}, "Elsewhere …"),
				h(
					"form",
					{
						onsubmit: (e) => {
							e.preventDefault();
							restore(id, path, v, e.target.elements.to.value, close);
						},
					},
					h("label", { for: name }, "Path in the share"),
					h("input", { id: name, name: "to", value: path, required: true }),
					h("button", {}, "Restore there"),
				),
			),
		),
	);
}

// Open a dialog with the versions of path.
export async function showVersions(id, path) {
	let list = [],
		why = null;
	try {
		list = (await get(ofGroup(id, "versions"), { path })).versions;
	} catch (e) {
		why = e.status === 404 ? null : e.message;
	}
	dialog(
		"Versions of " + plain(path),
		(close) => [
			h(
				"p",
				{ class: "muted" },
				why ||
					(list.length
						? count(list.length, "kept version") +
							", the newest first. Restoring puts a copy into the share; what is there now becomes a version."
						: "No version is kept. Versions are what members' changes replaced or deleted here."),
			),
			h(
				"ol",
				{ class: "timeline" },
				list.map((v) => entry(id, path, v, close)),
			),
		],
		true,
	);
}

const MOST_SHOWN = 200;

function keptRow(id, v, close) {
	return h(
		"li",
		{},
		h(
			"div",
			{ class: "what" },
			h("strong", { class: "path" }, plain(v.path || v.name)),
			h(
				"p",
				{ class: "small" },
				(v.kind === "file" ? bytes(v.size) : v.kind) + ", replaced or deleted " + since(v.kept),
			),
		),
		v.path
			? h(
					"button",
					{ onclick: () => restore(id, v.path, v, null, close) },
					"Restore",
					h("span", { class: "unseen" }, " " + plain(v.path)),
				)
			: null,
	);
}

// Open a dialog with all that is kept in a group, the latest first; those whose path or name has what is typed.
export async function showAllVersions(id) {
	let got;
	try {
		got = await get(ofGroup(id, "versions"));
	} catch (e) {
		say(e.message, "error");
		return;
	}
	const all = got.versions.sort((a, b) => b.kept - a.kept),
		list = h("ul", { class: "plain rows" }),
		note = h("p", { class: "muted", role: "status" });
	let close = null;
	const fill = (word) => {
		const some = all.filter((v) => (v.path || v.name).toLowerCase().includes(word.toLowerCase()));
		note.textContent =
			count(some.length, "kept version") +
			(some.length > MOST_SHOWN ? "; the latest " + MOST_SHOWN + " are shown" : "") +
			(got.more ? "; older ones are not listed" : "") +
			".";
		list.replaceChildren(...some.slice(0, MOST_SHOWN).map((v) => keptRow(id, v, close)));
	};
	dialog(
		"Kept versions",
		(c) => {
			close = c;
			fill("");
			return [
				h("p", {}, "Content that members' changes replaced or deleted here. Restoring puts a copy into the share."),
				h(
					"p",
					{ class: "field" },
					h("label", { for: "kept-word" }, "Part of a name"),
					h("input", { id: "kept-word", type: "search", oninput: (e) => fill(e.target.value) }),
				),
				note,
				list,
			];
		},
		true,
	);
}
