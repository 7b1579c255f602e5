// What waits for the user: requests to join, held changes, problems by folder, conflicts.
import { h, icon, ask, command, copyText } from "./dom.js";
import { state, act } from "./store.js";
import { ofGroup } from "./api.js";
import { conflictList } from "./conflicts.js";
import { count, folderOf, lastOf, plain, quote, shortId, since } from "./words.js";

const shareFile = (g, path) => quote(g.share + "/" + path);

// --- requests ---

export function requestItem(r) {
	const g = state.status.groups.find((x) => x.id === r.group_id);
	const owner = g && g.role === "owner";
	const decide = (what, body, said) => act(ofGroup(g.id, what), { agent: r.agent, ...body }, said);
	return h(
		"li",
		{ key: r.agent + r.group_id, class: "item request" },
		h(
			"div",
			{},
			h("p", {}, h("strong", {}, plain(r.name)), " asks to join ", h("strong", {}, plain(r.group))),
			h(
				"p",
				{},
				"Confirmation code ",
				h("strong", { class: "code" }, r.code),
				". Compare it with the one shown there before you accept.",
			),
			r.message ? h("blockquote", {}, plain(r.message)) : null,
			h(
				"p",
				{ class: "small" },
				"Asked " +
					since(r.since) +
					" from " +
					plain(r.address) +
					(r.giver_name ? ", through " + plain(r.giver_name) : "") +
					". Its ID begins " +
					shortId(r.agent) +
					".",
			),
		),
		owner
			? h(
					"div",
					{ class: "actions" },
					h(
						"button",
						{
							class: "main",
							onclick: () => decide("accept", {}, plain(r.name) + " is a member of " + plain(r.group) + "."),
						},
						"Accept",
						h("span", { class: "unseen" }, " " + plain(r.name)),
					),
					h(
						"button",
						{
							onclick: () =>
								decide("accept", { role: "reader" }, plain(r.name) + " is a reader of " + plain(r.group) + "."),
						},
						"Accept as reader",
					),
					g.sealed
						? h(
								"button",
								{
									onclick: () =>
										decide("accept", { role: "vault" }, plain(r.name) + " is a vault of " + plain(r.group) + "."),
								},
								"Accept as vault",
							)
						: null,
					h("button", { onclick: () => decide("reject", {}, plain(r.name) + " is rejected.") }, "Reject"),
					h(
						"button",
						{
							class: "quiet",
							onclick: () =>
								ask(
									"Reject for good?",
									plain(r.name) + " cannot ask this group again.",
									"Reject for good",
									() => decide("reject", { forever: true }, plain(r.name) + " is rejected for good."),
									true,
								),
						},
						"Reject for good",
					),
				)
			: h("p", { class: "small" }, "Only an owner of the group can decide."),
	);
}

// --- held changes ---

const isHeld = (p) => p.next === "waits for lanyard release" || /\bheld\b/.test(p.reason);

function release(g, hold) {
	const what = hold.here
		? count(hold.files, "file") +
			" that disappeared here will be deleted at all members, as far as they let that happen."
		: count(hold.files, "change") +
			" by " +
			(hold.name ? plain(hold.name) : "a member") +
			" will be applied here. What they delete or replace goes to the kept versions of this share.";
	ask(
		"Release the held changes of " + plain(g.group) + "?",
		[what, "All held changes of this group are released at once, on this agent alone."],
		"Release",
		() => act(ofGroup(g.id, "release"), {}, (got) => "Released " + count(got.released, "change") + "."),
		true,
	);
}

// The commands that bring back what disappeared here, from members that have it, into the folder where it was. A name may
// begin with a dash.
function putBack(g, paths) {
	const folders = [...new Set(paths.map((p) => (p.includes("/") ? p.split("/")[0] : p)))].slice(0, 200);
	return folders.map((f) => "lanyard get --to " + shareFile(g, "") + " -- " + quote(g.group) + " " + quote(f)).join("\n");
}

function holdItem(g, hold) {
	const who = hold.name ? plain(hold.name) : hold.by ? shortId(hold.by) : "several members";
	const held = g.problems.filter(isHeld);
	const restore = putBack(
		g,
		held.map((p) => p.path),
	);
	return h(
		"li",
		{ key: g.id + (hold.by || "") + hold.since, class: "item hold" },
		h(
			"div",
			{},
			h(
				"p",
				{},
				h("strong", {}, count(hold.files, "file")),
				hold.here ? " disappeared here at once in " : " deleted, replaced or emptied at once by " + who + " in ",
				h("strong", {}, plain(g.group)),
				", " + since(hold.since),
			),
			h(
				"p",
				{},
				hold.here
					? "No other member has lost anything. Put the files back, or release the deletions if they were meant."
					: "Your files are as they were. " +
							(hold.brings ? who + " brought these changes of several members. " : "") +
							"Ask " +
							who +
							" to undo the changes, or release them if they were meant.",
			),
			byFolder(g, held),
		),
		h(
			"div",
			{ class: "actions" },
			h("button", { class: "danger", onclick: () => release(g, hold) }, "Release"),
			hold.here ? h("button", { onclick: () => copyText(restore) }, "Copy the commands that put them back") : null,
			!hold.here && hold.by && g.role === "owner"
				? h("a", { class: "button", href: "#/members/" + g.id }, "Remove " + who + " …")
				: null,
		),
	);
}

// --- problems by folder ---

const LISTED = 60,
	FOLDERS = 100;

export function byFolder(g, problems) {
	const folders = new Map();
	for (const p of problems) {
		const f = folderOf(p.path);
		folders.set(f, [...(folders.get(f) || []), p]);
	}
	const oneReason = problems.every((p) => p.reason === problems[0].reason);
	const line = (p) =>
		h(
			"li",
			{ key: p.path },
			h("span", { class: "path" }, plain(lastOf(p.path))),
			oneReason
				? null
				: h("span", { class: "small" }, " " + plain(p.reason) + " (since " + since(p.since) + "; " + p.next + ")"),
		);
	return [
		oneReason && problems.length ? h("p", { class: "small" }, "Each: " + plain(problems[0].reason) + ".") : null,
		[...folders]
			.sort((a, b) => b[1].length - a[1].length)
			.slice(0, FOLDERS)
			.map(([folder, list]) =>
				h(
					"details",
					{ key: "folder " + folder, class: "folder" },
					h(
						"summary",
						{},
						icon("dir"),
						h("span", { class: "path" }, folder ? plain(folder) + "/" : "the share itself"),
						h("span", { class: "muted" }, " " + count(list.length, "path")),
					),
					h(
						"ul",
						{ class: "plain" + (oneReason ? " names" : "") },
						list.slice(0, LISTED).map(line),
						list.length > LISTED ? h("li", {}, "and " + (list.length - LISTED) + " more") : null,
					),
				),
			),
		folders.size > FOLDERS ? h("p", { class: "small" }, "and " + (folders.size - FOLDERS) + " more folders") : null,
	];
}

function problemItem(g) {
	const others = g.problems.filter((p) => !isHeld(p));
	const reasons = new Map();
	for (const p of others) reasons.set(p.reason, [...(reasons.get(p.reason) || []), p]);
	return [...reasons].map(([reason, list]) =>
		h(
			"li",
			{ key: g.id + reason, class: "item" },
			h(
				"div",
				{},
				h(
					"p",
					{},
					h("strong", {}, count(list.length, "path")),
					" of ",
					h("strong", {}, plain(g.group)),
					" cannot be synced",
				),
				h("p", { class: "small" }, "Since " + since(Math.min(...list.map((p) => p.since))) + "; " + list[0].next + "."),
				byFolder(g, list),
			),
			h(
				"div",
				{ class: "actions" },
				/permission/i.test(reason)
					? command("ls -ld " + shareFile(g, list[0].path))
					: /space|full/i.test(reason)
						? command("df -h " + quote(g.share))
						: null,
			),
		),
	);
}

function errorItem(g) {
	const text = g.error || g.share_problem;
	return text
		? h(
				"li",
				{ key: "error" + g.id, class: "item bad" },
				h("div", {}, h("p", {}, h("strong", {}, plain(g.group)), " does not work"), h("p", {}, text)),
				h("div", { class: "actions" }, command("lanyard doctor")),
			)
		: null;
}

function readerItem(g) {
	if (!g.local_changes) return null;
	return h(
		"li",
		{ key: "local" + g.id, class: "item" },
		h(
			"div",
			{},
			h(
				"p",
				{},
				h("strong", {}, count(g.local_changes, "change")),
				" here in ",
				h("strong", {}, plain(g.group)),
				" are not shared: this agent is a reader",
			),
			h(
				"ul",
				{ class: "plain" },
				g.local_paths.slice(0, 10).map((p) => h("li", { class: "path" }, plain(p))),
			),
		),
		h(
			"div",
			{ class: "actions" },
			h(
				"button",
				{
					onclick: () =>
						ask("Put the group's versions back?", "Your changed files go to the kept versions.", "Revert", () =>
							act(ofGroup(g.id, "revert"), {}, (got) => "Reverted " + count(got.reverted, "path") + "."),
						),
				},
				"Revert",
			),
		),
	);
}

function section(title, items, note) {
	const some = items.flat().filter(Boolean);
	return some.length
		? h(
				"section",
				{ class: "card", key: title, "aria-label": title },
				h("h2", {}, title),
				note ? h("p", { class: "muted" }, note) : null,
				h("ul", { class: "plain items" }, some),
			)
		: null;
}

export const trouble = {
	parts: ["requests", "conflicts"],
	render() {
		const groups = state.status.groups;
		const parts = [
			section("Errors", groups.map(errorItem)),
			section("Requests to join", state.requests.map(requestItem)),
			section(
				"Held changes",
				groups.map((g) => g.holds.map((x) => holdItem(g, x))),
			),
			state.conflicts.length ? conflictList() : null,
			section("Problems", groups.map(problemItem)),
			section("Changes that stay here", groups.map(readerItem)),
		];
		return [
			h("h1", {}, "Attention"),
			parts.some(Boolean)
				? parts
				: h(
						"section",
						{ class: "card calm" },
						h("span", { class: "sign" }, icon("ok")),
						h("p", {}, "Nothing waits for you: no requests, no held changes, no conflicts, no problems."),
					),
		];
	},
};
