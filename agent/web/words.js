// Numbers, times and names in words.
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DAY = 86400;

export function bytes(n) {
	if (n === null || n === undefined) return "?";
	let unit = 0;
	while (n >= 1024 && unit < UNITS.length - 1) {
		n /= 1024;
		unit++;
	}
	return (unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " + UNITS[unit];
}

export const rate = (n) => bytes(n || 0) + "/s";

export function count(n, one, many) {
	return n.toLocaleString("en") + " " + (n === 1 ? one : many || one + "s");
}

export function duration(s) {
	if (s === null || s === undefined) return "?";
	if (s < 90) return Math.max(0, Math.round(s)) + " s";
	if (s < 5400) return Math.round(s / 60) + " min";
	if (s < 2 * DAY) return Math.round(s / 3600) + " h";
	return Math.round(s / DAY) + " days";
}

const two = (n) => String(n).padStart(2, "0");

export function clock(s) {
	const d = new Date(s * 1000);
	return two(d.getHours()) + ":" + two(d.getMinutes());
}

export function date(s) {
	const d = new Date(s * 1000);
	return d.getFullYear() + "-" + two(d.getMonth() + 1) + "-" + two(d.getDate());
}

export const moment = (s) => date(s) + " " + clock(s);

export const NOW = "just now";

// How long ago, as one says it: "just now", "14:03", "yesterday 14:03", "Tuesday 14:03", "2024-05-01".
export function since(s) {
	const now = new Date(),
		then = new Date(s * 1000);
	const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime() / 1000;
	if (Math.abs(now / 1000 - s) < 60) return NOW;
	if (s >= midnight) return clock(s);
	if (s >= midnight - DAY) return "yesterday " + clock(s);
	if (s >= midnight - 6 * DAY) return then.toLocaleDateString("en", { weekday: "long" }) + " " + clock(s);
	return date(s);
}

// Characters that are not seen, or that turn the text around them, are shown as their number.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

// A name of the API as it is shown: a backslash is one again, bytes that are no text stay \xNN.
export function plain(name) {
	if (name === null || name === undefined) return "";
	return String(name)
		.replace(/\\\\/g, "\\")
		.replace(UNSEEN, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

export const shortId = (id) => String(id).split("-").slice(0, 2).join("-");

// A name of the API as one word of a shell's command.
export function quote(name) {
	const text = String(name);
	if (/^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-")) return text;
	// eslint-disable-next-line no-control-regex
	if (/\\|[\u0000-\u001f]/.test(text))
		return (
			"$'" +
			text.replace(/'/g, "\\'").replace(/[\u0000-\u001f]/g, (c) => "\\x" + two(c.charCodeAt(0).toString(16))) +
			"'"
		);
	return "'" + text.replace(/'/g, "'\\''") + "'";
}

export const folderOf = (path) => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");
export const lastOf = (path) => path.slice(path.lastIndexOf("/") + 1);

// "a, b and c"; of many, the first few and how many more.
export function listed(names, most) {
	most = most || 3;
	if (names.length === 0) return "nobody";
	if (names.length === 1) return names[0];
	if (names.length <= most) return names.slice(0, -1).join(", ") + " and " + names[names.length - 1];
	return names.slice(0, most - 1).join(", ") + " and " + (names.length - most + 1) + " more";
}
