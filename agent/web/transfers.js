// Transfers both ways: the rates as a graph, what comes and from whom piece by piece, what each member sends and gets.
import { h, icon } from "./dom.js";
import { state, ratesNow } from "./store.js";
import { get, ofGroup } from "./api.js";
import { bytes, clock, count, duration, plain, rate, since } from "./words.js";

const GRAPH_S = 120,
	PIECES_MS = 1000;
let open = null,
	pieces = null,
	piecesWhy = null,
	timer = null,
	asking = false;

const draw = () => document.dispatchEvent(new Event("lanyard-draw"));
const color = (el, name) => getComputedStyle(el).getPropertyValue(name).trim();

// A canvas in device pixels; returns [context, width, height] in CSS pixels.
function fit(canvas) {
	const { width, height } = canvas.getBoundingClientRect(),
		k = window.devicePixelRatio || 1;
	if (canvas.width !== Math.round(width * k) || canvas.height !== Math.round(height * k)) {
		canvas.width = Math.round(width * k);
		canvas.height = Math.round(height * k);
	}
	const c = canvas.getContext("2d");
	c.setTransform(k, 0, 0, k, 0, 0);
	c.clearRect(0, 0, width, height);
	return [c, width, height];
}

// The next of 1, 2, 5 times a power of ten (in KiB) that is above n: the top of the graph.
function top(n) {
	let step = 10240;
	for (let i = 0; step < n; i++) step *= [2, 2.5, 2][i % 3];
	return step;
}

function drawGraph(canvas) {
	const [c, w, height] = fit(canvas),
		now = Date.now() / 1000,
		hgt = height - 18;
	const most = top(Math.max(...state.samples.map((p) => Math.max(p.in, p.out)), 1));
	const x = (t) => w - ((now - t) / GRAPH_S) * w,
		y = (v) => 6 + (hgt - 6) * (1 - v / most);
	c.font = "12px system-ui, sans-serif";
	c.fillStyle = color(canvas, "--muted");
	c.strokeStyle = color(canvas, "--line");
	for (const f of [0, 0.5, 1]) {
		c.beginPath();
		c.moveTo(0, Math.round(y(most * f)) + 0.5);
		c.lineTo(w, Math.round(y(most * f)) + 0.5);
		c.stroke();
		if (f) c.fillText(rate(most * f), 4, y(most * f) + 14);
	}
	c.fillText("2 min ago", 0, height - 3);
	c.textAlign = "right";
	c.fillText("now", w, height - 3);
	c.textAlign = "left";
	for (const [what, name] of [
		["in", "--in"],
		["out", "--out"],
	]) {
		c.beginPath();
		c.strokeStyle = c.fillStyle = color(canvas, name);
		c.lineWidth = 2;
		let to = null;
		for (const p of state.samples) {
			if (to === null || p.from - to > 4) {
				c.moveTo(x(to || 0), y(0));
				c.lineTo(x(p.from), y(0));
			}
			c.lineTo(x(p.t), y(p[what]));
			to = p.t;
		}
		if (to !== null && now - to > 4) c.lineTo(x(to), y(0));
		c.lineTo(w, to !== null && now - to <= 4 ? y(ratesNow()[what === "in" ? 0 : 1]) : y(0));
		c.stroke();
	}
}

// --- pieces ---

const HUES = ["--p0", "--p1", "--p2", "--p3", "--p4", "--p5", "--p6", "--p7"];

function drawPieces(canvas) {
	if (!pieces) return;
	const n = pieces.cells,
		width = canvas.getBoundingClientRect().width;
	const size = Math.max(5, Math.min(16, Math.floor(Math.sqrt((width * 150) / Math.max(1, n))))),
		columns = Math.max(1, Math.floor(width / size));
	const tall = Math.ceil(n / columns) * size;
	if (canvas.height === 0 || Math.abs(canvas.getBoundingClientRect().height - tall) > 1)
		canvas.style.height = tall + "px";
	const [c] = fit(canvas),
		gap = size > 6 ? 1.5 : 1;
	for (let i = 0; i < n; i++) {
		const x = (i % columns) * size,
			y = Math.floor(i / columns) * size,
			side = size - gap;
		c.fillStyle = color(canvas, "--cell");
		c.fillRect(x, y, side, side);
		const from = pieces.from[i];
		const hue = color(canvas, from >= 0 ? HUES[from % HUES.length] : "--in");
		if (pieces.here[i] > 0) {
			c.fillStyle = from >= 0 ? hue : color(canvas, "--here");
			const full = (side * pieces.here[i]) / 100;
			c.fillRect(x, y + side - full, side, full);
		}
		if (pieces.coming[i] > 0 && pieces.here[i] < 100) {
			c.strokeStyle = hue;
			c.lineWidth = 2;
			c.strokeRect(x + 1, y + 1, side - 2, side - 2);
		} else if (pieces.here[i] === 0 && pieces.rare[i] <= 1) {
			c.fillStyle = color(canvas, pieces.rare[i] === 1 ? "--rare" : "--gone");
			c.fillRect(x + side / 2 - 1, y + side / 2 - 1, 2, 2);
		}
	}
}

const isOpen = () => open && state.downloads.find((t) => t.group_id + "/" + t.path === open && t.state === "D");

async function loadPieces() {
	timer = null;
	const d = isOpen();
	if (!d || asking || document.hidden || !location.hash.startsWith("#/transfers")) return;
	asking = true;
	try {
		pieces = await get(ofGroup(d.group_id, "pieces"), { path: d.path });
		piecesWhy = null;
	} catch (e) {
		pieces = null;
		piecesWhy = e.status === 404 ? "Its pieces are not known now." : e.message;
	}
	asking = false;
	draw();
}

// Ask for the pieces of the open download, and again a second after each answer.
function keepAsking(ms) {
	if (isOpen() && !asking && !timer) timer = setTimeout(loadPieces, ms);
}

function toggle(key) {
	open = open === key ? null : key;
	pieces = piecesWhy = null;
	keepAsking(0);
	draw();
}

function pieceMap(d) {
	if (!pieces || pieces.path !== d.path) return h("p", { class: "muted" }, piecesWhy || "Asking for the pieces …");
	const part = (list) => Math.round(list.reduce((a, b) => a + b, 0) / pieces.cells);
	const senders = pieces.peers.filter((p) => p.blocks);
	const rare = pieces.rare.filter((r, i) => r <= 1 && pieces.here[i] < 100).length;
	const said =
		part(pieces.here) +
		" % here, " +
		part(pieces.coming) +
		" % on the way, from " +
		count(senders.length, "member") +
		(rare ? "; " + count(rare, "cell") + " with one source or none" : "");
	return h(
		"div",
		{ class: "pieces" },
		h("canvas", {
			class: "map",
			role: "img",
			"aria-label": "Pieces of " + plain(d.path) + ": " + said,
			draw: drawPieces,
		}),
		h(
			"p",
			{ class: "small" },
			count(pieces.blocks, "block") +
				(pieces.cell_blocks > 1 ? ", " + pieces.cell_blocks + " per cell" : "") +
				". " +
				said +
				".",
		),
		h(
			"ul",
			{ class: "legend" },
			pieces.peers.map((p, i) =>
				h(
					"li",
					{ key: p.agent },
					h("span", { class: "swatch p" + (i % HUES.length) }),
					plain(p.name) +
						": has " +
						Math.round((100 * p.blocks) / Math.max(1, pieces.blocks)) +
						" %, " +
						p.requested +
						" on the way",
				),
			),
			h("li", { key: "here" }, h("span", { class: "swatch here" }), "here"),
			h("li", { key: "coming" }, h("span", { class: "swatch coming" }), "on the way"),
			h("li", { key: "rare" }, h("span", { class: "swatch rare" }), "one source"),
		),
	);
}

function downloadItem(d) {
	const key = d.group_id + "/" + d.path;
	return h(
		"li",
		{ key, class: "transfer" },
		h(
			"div",
			{ class: "line" },
			h(
				"span",
				{ class: "what" },
				icon("down"),
				h("strong", {}, plain(d.path)),
				" ",
				h("span", { class: "muted" }, plain(d.group)),
			),
			h("span", { class: "num" }, d.percent + " % of " + bytes(d.size)),
			h(
				"span",
				{ class: "num rate" },
				d.reason ? "waits" : rate(d.rate) + (d.eta !== null ? ", " + duration(d.eta) + " left" : ""),
			),
			h("button", { "aria-expanded": open === key ? "true" : "false", onclick: () => toggle(key) }, "Pieces"),
		),
		h("progress", { max: 100, value: d.percent, "aria-label": plain(d.path) }),
		d.reason ? h("p", { class: "small" }, plain(d.reason)) : null,
		open === key ? pieceMap(d) : null,
	);
}

function peersTable() {
	if (!state.peers.length) return h("p", { class: "muted" }, "No member is connected.");
	return h(
		"div",
		{ class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of connected members" },
		h(
			"table",
			{},
			h(
				"thead",
				{},
				h(
					"tr",
					{},
					["Member", "Receiving", "Sending", "Received", "Sent", "Round trip", "Address", "Since"].map((t, i) =>
						h("th", { scope: "col", class: i > 0 && i < 6 ? "num" : null }, t),
					),
				),
			),
			h(
				"tbody",
				{},
				state.peers.map((p) =>
					h(
						"tr",
						{ key: p.agent },
						h("th", { scope: "row" }, plain(p.name)),
						h("td", { class: "num" }, rate(p.rate_in)),
						h("td", { class: "num" }, rate(p.rate_out)),
						h("td", { class: "num" }, bytes(p.rx)),
						h("td", { class: "num" }, bytes(p.tx)),
						h("td", { class: "num" }, p.rtt_ms === null ? "" : p.rtt_ms + " ms"),
						h("td", {}, p.address),
						h("td", {}, since(p.since)),
					),
				),
			),
		),
	);
}

export const transfers = {
	parts: ["downloads"],
	enter() {
		open = pieces = piecesWhy = null;
	},
	render() {
		const [rx, tx] = ratesNow();
		const active = state.downloads.filter((d) => d.state === "D"),
			done = state.downloads.filter((d) => d.state === "C");
		keepAsking(PIECES_MS);
		return [
			h("h1", {}, "Transfers"),
			h(
				"section",
				{ class: "card", "aria-labelledby": "rates-title" },
				h("h2", { id: "rates-title", class: "unseen" }, "Rates"),
				h(
					"p",
					{ class: "rates big" },
					h("span", {}, h("span", { class: "swatch in" }), "receiving ", h("strong", {}, rate(rx))),
					h("span", {}, h("span", { class: "swatch out" }), "sending ", h("strong", {}, rate(tx))),
				),
				h("canvas", {
					class: "graph",
					role: "img",
					draw: drawGraph,
					"aria-label": "Rates of the last two minutes; now receiving " + rate(rx) + ", sending " + rate(tx),
				}),
			),
			h(
				"section",
				{ class: "card", "aria-labelledby": "coming-title" },
				h(
					"h2",
					{ id: "coming-title" },
					active.length ? "Coming here: " + count(active.length, "file") : "Nothing is coming here",
				),
				h("ul", { class: "plain" }, active.slice(0, 100).map(downloadItem)),
				active.length > 100 ? h("p", { class: "muted" }, "and " + (active.length - 100) + " more") : null,
			),
			h(
				"section",
				{ class: "card", "aria-labelledby": "peers-title" },
				h("h2", { id: "peers-title" }, "Connected members"),
				peersTable(),
			),
			done.length
				? h(
						"section",
						{ class: "card", "aria-labelledby": "done-title" },
						h("h2", { id: "done-title" }, "Came lately"),
						h(
							"ul",
							{ class: "plain rows" },
							done.map((d) =>
								h(
									"li",
									{ key: d.group_id + "/" + d.path },
									icon("ok"),
									h("span", { class: "what" }, plain(d.path), " ", h("span", { class: "muted" }, plain(d.group))),
									h("span", { class: "num" }, bytes(d.size)),
									d.finished ? h("span", { class: "num" }, clock(d.finished)) : null,
								),
							),
						),
					)
				: null,
		];
	},
};
