// Files from this browser's machine into a folder of the group: dropped onto the page, or chosen by a button.
import { h, dialog, say } from "./dom.js";
import { get, ofGroup, upload } from "./api.js";
import { bytes, count, lastOf, plain } from "./words.js";

let running = false;

// A name of this machine as the API writes it.
const apiName = (name) => name.replace(/\\/g, "\\\\");

// What to do with a file whose name is taken: replace, keep-both, or null to leave it out. [what, for all others too]
function askTaken(path, others) {
	return new Promise((resolve) => {
		let answer = null;
		const all = h("input", { type: "checkbox", id: "taken-all" });
		const el = dialog(plain(lastOf(path)) + " is there already", (close) => {
			const button = (what, word, kind) =>
				h(
					"button",
					{
						class: kind,
						onclick: () => {
							answer = what;
							close();
						},
					},
					word,
				);
			return [
				h("p", {}, "Replace it? What is there now becomes a version, which can be restored."),
				others ? h("p", {}, all, " ", h("label", { for: "taken-all" }, "The same for the other files")) : null,
				h(
					"div",
					{ class: "actions" },
					button(null, "Skip", null),
					button("keep-both", "Keep both", "main"),
					button("replace", "Replace", "danger"),
				),
			];
		});
		el.addEventListener("close", () => resolve([answer, all.checked]));
	});
}

// One file. progress(bytes) is called as it goes. Returns where it is; null: it was left out.
async function one(group, file, path, choice, others, signal, progress) {
	const looked = await get(ofGroup(group, "upload"), { path, size: file.size, if_exists: "keep-both" });
	let taken = choice.all || "refuse";
	if (looked.exists && !choice.all) {
		const [what, all] = await askTaken(path, others);
		if (all) choice.all = what || "skip";
		taken = what || "skip";
	}
	if (looked.exists && taken === "skip") return null;
	const query = { path, mtime: Math.max(0, Math.floor(file.lastModified / 1000)), if_exists: looked.exists ? taken : "refuse" };
	return (await upload(group, query, file, signal, progress)).path;
}

// Upload [{file, path}] into a folder, one after the other.
async function send(group, folder, list, done) {
	if (running) {
		say("Other files are still being uploaded: wait until that has ended.", "error");
		return;
	}
	running = true;
	const stop = new AbortController(),
		choice = { all: null },
		failed = [],
		word = document.createTextNode("");
	const note = say(word, "error");
	note.insertBefore(
		h("button", { class: "quiet", onclick: () => stop.abort() }, "Cancel"),
		note.lastChild,
	);
	let placed = 0;
	for (const [i, { file, path }] of list.entries()) {
		const tell = (n) => {
			word.data =
				"Uploading " +
				plain(apiName(file.name)) +
				": " +
				bytes(n) +
				" of " +
				bytes(file.size) +
				(list.length > 1 ? " (" + (i + 1) + " of " + list.length + ")" : "");
		};
		tell(0);
		try {
			const to = (folder ? folder + "/" : "") + apiName(path);
			if (await one(group, file, to, choice, i + 1 < list.length, stop.signal, tell)) placed++;
		} catch (e) {
			if (stop.signal.aborted) break;
			failed.push(plain(apiName(file.name)) + ": " + e.message);
			if (e.status === 403 || e.status === 401) break;
		}
	}
	running = false;
	note.remove();
	if (placed) say("Uploaded " + count(placed, "file") + ".");
	if (stop.signal.aborted) say("The upload was cancelled.");
	if (failed.length)
		say(failed[0] + (failed.length > 1 ? " (and " + count(failed.length - 1, "other file") + ")" : ""), "error");
	done();
}

// The files of what was dropped, with those in folders.
async function dropped(items) {
	const out = [];
	const walk = async (entry, above) => {
		const path = above + entry.name;
		if (entry.isFile) out.push({ file: await new Promise((ok, no) => entry.file(ok, no)), path });
		if (!entry.isDirectory) return;
		const reader = entry.createReader();
		for (;;) {
			const some = await new Promise((ok, no) => reader.readEntries(ok, no));
			if (!some.length) return;
			for (const e of some) await walk(e, path + "/");
		}
	};
	const entries = [...items].filter((i) => i.kind === "file").map((i) => i.webkitGetAsEntry() || i.getAsFile());
	for (const e of entries)
		if (e instanceof File) out.push({ file: e, path: e.name });
		else if (e) await walk(e, "");
	return out;
}

// What makes an element take files that are dropped on it: attributes for h().
export function dropTarget(group, folder, done) {
	const mark = (e, on) => {
		if (!e.dataTransfer.types.includes("Files")) return;
		e.preventDefault();
		e.currentTarget.toggleAttribute("data-over", on);
	};
	return {
		ondragover: (e) => mark(e, true),
		ondragleave: (e) => mark(e, false),
		ondrop: async (e) => {
			mark(e, false);
			try {
				const list = await dropped(e.dataTransfer.items);
				if (list.length) await send(group, folder, list, done);
			} catch (x) {
				say("What was dropped cannot be read: " + x.message, "error");
			}
		},
	};
}

// A button that asks for files.
export function uploadButton(group, folder, done) {
	const input = h("input", {
		type: "file",
		multiple: true,
		class: "unseen",
		tabindex: "-1",
		"aria-hidden": "true",
		id: "upload-files",
		onchange: (e) => {
			const list = [...e.target.files].map((file) => ({ file, path: file.name }));
			e.target.value = "";
			if (list.length) send(group, folder, list, done);
		},
	});
	return [input, h("button", { onclick: () => document.getElementById("upload-files").click() }, "Upload files …")];
}

// A file that misses its target must not replace the page.
for (const type of ["dragover", "drop"])
	document.addEventListener(type, (e) => {
		if (e.dataTransfer && e.dataTransfer.types.includes("Files") && !e.defaultPrevented) {
			e.preventDefault();
			e.dataTransfer.dropEffect = "none";
		}
	});
