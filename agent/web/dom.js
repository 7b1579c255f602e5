// Elements from descriptions, and the changing of a page in place: focus, scroll and what was typed survive a refresh.
// Text from elsewhere only ever becomes a text node or an attribute's value.
const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "polyline", "polygon", "line", "rect", "g"]);

function dispatch(event) {
	const fn = this.lanyardOn && this.lanyardOn[event.type];
	if (fn) fn.call(this, event);
}

function listen(el, on) {
	for (const type of Object.keys(on)) if (!el.lanyardOn || !(type in el.lanyardOn)) el.addEventListener(type, dispatch);
	el.lanyardOn = { ...(el.lanyardOn || {}), ...on };
}

function append(el, kids) {
	for (const kid of kids) {
		if (kid === null || kid === undefined || kid === false || kid === "") continue;
		if (Array.isArray(kid)) append(el, kid);
		else el.append(kid instanceof Node ? kid : document.createTextNode(String(kid)));
	}
}

// h("button", {class: "main", onclick: fn}, "Release"). A value of null or false leaves the attribute out. "draw" is a
// function that is called with the element whenever it is on the page with new data; "key" tells siblings apart.
export function h(tag, attrs, ...kids) {
	const el = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
	for (const [name, value] of Object.entries(attrs || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (name.startsWith("on")) listen(el, { [name.slice(2)]: value });
		else if (name === "draw") el.lanyardDraw = value;
		else if (name === "key") el.lanyardKey = String(value);
		else el.setAttribute(name, value === true ? "" : String(value));
	}
	append(el, kids);
	return el;
}

const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.lanyardKey === b.lanyardKey;

// What the user did to an element stays: that a <details> or <dialog> is open.
const OF_USER = new Set(["open"]);

function morphAttributes(old, now) {
	for (const { name } of [...old.attributes])
		if (!now.hasAttribute(name) && !OF_USER.has(name)) old.removeAttribute(name);
	for (const { name, value } of now.attributes)
		if (old.getAttribute(name) !== value && !OF_USER.has(name)) old.setAttribute(name, value);
	if (now.lanyardOn) listen(old, now.lanyardOn);
	old.lanyardDraw = now.lanyardDraw;
}

function morphNode(old, now) {
	if (old.nodeType === Node.TEXT_NODE) {
		if (old.data !== now.data) old.data = now.data;
		return;
	}
	morphAttributes(old, now);
	morphKids(old, [...now.childNodes]);
}

// Where a form is among what is left. What stood before it goes first, so that it stays as its user has filled it in.
function formAhead(at, now) {
	if (now.nodeName !== "FORM" || now.lanyardKey !== undefined) return null;
	while (at && !same(at, now)) at = at.nextSibling;
	return at;
}

function morphKids(parent, wanted) {
	const keyed = new Map();
	for (const kid of parent.childNodes)
		if (kid.lanyardKey !== undefined) keyed.set(kid.nodeName + " " + kid.lanyardKey, kid);
	let at = parent.firstChild;
	for (const now of wanted) {
		const name = now.nodeName + " " + now.lanyardKey,
			found = now.lanyardKey !== undefined ? keyed.get(name) : undefined;
		keyed.delete(name);
		for (const form = formAhead(at, now); form && at !== form; ) {
			const next = at.nextSibling;
			at.remove();
			at = next;
		}
		const reuse = found || (at && same(at, now) ? at : null);
		if (!reuse) {
			parent.insertBefore(now, at);
			continue;
		}
		if (reuse === at) at = at.nextSibling;
		else parent.insertBefore(reuse, at);
		morphNode(reuse, now);
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}

// Make root's children look like kids.
export function show(root, ...kids) {
	const holder = document.createElement("div");
	append(holder, kids);
	morphKids(root, [...holder.childNodes]);
	drawAll(root);
}

export function drawAll(root) {
	for (const el of root.querySelectorAll("canvas")) if (el.lanyardDraw) el.lanyardDraw(el);
}

const ICONS = {
	ok: "M3.5 8.5l3 3 6-7",
	away: "M8 4.5v4l2.5 1.5M8 14.5a6.5 6.5 0 100-13 6.5 6.5 0 000 13z",
	warn: "M8 3.5v5.5M8 12v.5",
	down: "M8 3v9M4.5 8.5L8 12l3.5-3.5",
	up: "M8 13V4M4.5 7.5L8 4l3.5 3.5",
	file: "M4 2h5l3 3v9H4zM9 2v3h3",
	dir: "M2 4h4l1.5 2H14v7H2z",
	link: "M6.5 9.5l3-3M7 5l1.5-1.5a2.5 2.5 0 013.5 3.5L10.5 8.5M9 11l-1.5 1.5A2.5 2.5 0 014 9l1.5-1.5",
	pause: "M5.5 4v8M10.5 4v8",
	home: "M2.5 8L8 3l5.5 5M4 7v6h8V7",
	swap: "M5 13V4M2.5 6.5L5 4l2.5 2.5M11 3v9M8.5 9.5L11 12l2.5-2.5",
	bell: "M4 11V7a4 4 0 018 0v4l1 1H3zM7 14h2",
	people:
		"M6 7.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM1.5 13.5c0-5 9-5 9 0M11 3a2.5 2.5 0 010 4.5M12 9.5c1.8.5 2.5 2 2.5 4",
	plus: "M8 3v10M3 8h10",
	list: "M3 4h10M3 8h10M3 12h6",
	gear: "M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 3v3M6 10v3",
	key: "M10 9a3 3 0 10-2.8-2L3 11.2V13h2v-1.5h1.5V10L8 8.8c.5.2 1.2.2 2 .2z",
};

export function icon(name) {
	return h(
		"svg",
		{ class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
		h("path", { d: ICONS[name] || ICONS.file }),
	);
}

// --- messages and questions ---

// Say something to those who look and to those who listen. Errors stay until the next message.
export function say(text, kind) {
	const box = document.getElementById("messages");
	const old = box.querySelectorAll(".message");
	if (old.length > 2) old[0].remove();
	const el = h(
		"p",
		{ class: "message " + (kind || "") },
		text,
		h("button", { class: "quiet", "aria-label": "Dismiss", onclick: () => el.remove() }, "×"),
	);
	box.append(el);
	if (kind !== "error") setTimeout(() => el.remove(), 8000);
	return el;
}

// Open a dialog with a heading and what fill(close) returns. The browser keeps focus inside and gives it back.
export function dialog(title, fill, wide) {
	const el = h("dialog", { class: wide ? "wide" : null, "aria-labelledby": "dialog-title" });
	const close = () => el.close();
	el.addEventListener("close", () => el.remove());
	el.append(
		h(
			"header",
			{},
			h("h2", { id: "dialog-title" }, title),
			h("button", { class: "quiet close", "aria-label": "Close", onclick: close }, "×"),
		),
	);
	append(el, [fill(close)]);
	document.body.append(el);
	el.showModal();
	return el;
}

// Ask before something with consequences; act() follows if the answer is yes.
export function ask(title, text, word, act, danger) {
	dialog(title, (close) => [
		[].concat(text).map((t) => h("p", {}, t)),
		h(
			"div",
			{ class: "actions" },
			h("button", { onclick: close, autofocus: true }, "Cancel"),
			h(
				"button",
				{
					class: danger ? "danger" : "main",
					onclick: () => {
						close();
						act();
					},
				},
				word,
			),
		),
	]);
}

export async function copyText(text) {
	try {
		await navigator.clipboard.writeText(text);
		say("Copied.");
	} catch (e) {
		say("The browser does not allow copying: select the text instead.", "error");
	}
}

// A command to run somewhere, with a button that copies it.
export function command(text) {
	return h(
		"span",
		{ class: "command" },
		h("code", {}, text),
		h("button", { class: "quiet", onclick: () => copyText(text), "aria-label": "Copy: " + text }, "Copy"),
	);
}
