// Calls of the agent's API (docs/api.md), its stream of events, and a file's content as the API sends it.
let token = null;
let lockedOut = () => {};

// Take the token that a link of `lanyard web` brought; it stays in this browser, for this address alone.
export function open(onLockedOut) {
	lockedOut = onLockedOut;
	const given = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
	if (given) {
		localStorage.setItem("token", given[1]);
		history.replaceState(null, "", location.pathname);
	}
	token = localStorage.getItem("token");
	// Another tab has logged out.
	window.addEventListener("storage", (e) => e.key === "token" && e.newValue === null && lockedOut());
}

export class ApiError extends Error {
	constructor(status, text) {
		super(text);
		this.status = status;
	}
}

function address(path, params) {
	const list = Object.entries(params || {}).filter(([, v]) => v !== null && v !== undefined);
	return "/v1/" + path + (list.length ? "?" + new URLSearchParams(list) : "");
}

export const ofGroup = (id, what) => "groups/" + encodeURIComponent(id) + "/" + what;

async function call(path, options) {
	let got;
	try {
		got = await fetch(path, { ...options, headers: { "X-Lanyard-Token": token || "", ...(options.headers || {}) } });
	} catch (e) {
		if (e.name === "AbortError") throw e;
		throw new ApiError(0, "The agent does not answer. Is lanyardd running?");
	}
	if (got.ok) return got;
	let text = "The agent answered with status " + got.status + ".";
	try {
		text = (await got.json()).error || text;
	} catch (e) {
		/* not JSON: the status has to do */
	}
	if (got.status === 401 || (got.status === 403 && /token/i.test(text))) lockedOut();
	throw new ApiError(got.status, text);
}

export async function get(path, params) {
	return (await call(address(path, params), {})).json();
}

// The answer as it is, for streams of lines.
export const raw = (path, params) => call(address(path, params), {});

export async function post(path, body) {
	const got = await call(address(path), {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify(body || {}),
	});
	return got.json();
}

// End this browser's session; what the agent shows without one comes next.
export async function logOut() {
	await call("/logout", { method: "POST" });
	localStorage.removeItem("token");
	location.replace("/");
}

// Put a file into a share; progress(bytes) is called as it goes. fetch() tells of no progress.
export function upload(group, params, file, signal, progress) {
	return new Promise((resolve, reject) => {
		const x = new XMLHttpRequest();
		const end = (status, text) => reject(new ApiError(status, text));
		x.open("POST", address(ofGroup(group, "upload"), params));
		x.setRequestHeader("X-Lanyard-Token", token || "");
		x.setRequestHeader("Content-Type", "application/octet-stream");
		x.responseType = "json";
		x.upload.onprogress = (e) => progress(e.loaded);
		x.onload = () => {
			if (x.status === 401) lockedOut();
			if (x.status === 200) resolve(x.response);
			else end(x.status, (x.response && x.response.error) || "The agent answered with status " + x.status + ".");
		};
		// The agent closes the connection of what it cannot take; why, it says when asked again.
		x.onerror = () =>
			get(ofGroup(group, "upload"), { ...params, size: file.size, if_exists: "keep-both" }).then(
				() => end(0, "The upload broke off."),
				reject,
			);
		x.onabort = () => end(0, "Cancelled.");
		signal.addEventListener("abort", () => x.abort());
		x.send(file);
	});
}

// Call on(event) for each event from now on, and onState(true or false) when the stream comes and goes. Returns a
// function that ends it.
export function stream(on, onState) {
	let source = null,
		timer = null,
		ended = false;
	const connect = () => {
		source = new EventSource(address("stream", { token }));
		source.onopen = () => onState(true);
		source.onmessage = (m) => on(JSON.parse(m.data));
		source.onerror = () => {
			onState(false);
			// The browser connects again by itself, except after an answer that was not a stream.
			if (source.readyState === EventSource.CLOSED && !ended && !timer)
				timer = setTimeout(() => {
					timer = null;
					connect();
				}, 5000);
		};
	};
	connect();
	return () => {
		ended = true;
		clearTimeout(timer);
		source.close();
	};
}

// Bytes of a stream, line by line or by number.
class Reader {
	constructor(body) {
		this.reader = body.getReader();
		this.held = new Uint8Array(0);
		this.pos = 0;
	}

	async more() {
		const { value, done } = await this.reader.read();
		if (done) return false;
		const rest = this.held.subarray(this.pos);
		const next = new Uint8Array(rest.length + value.length);
		next.set(rest);
		next.set(value, rest.length);
		this.held = next;
		this.pos = 0;
		return true;
	}

	async line() {
		let from = this.pos;
		for (;;) {
			const end = this.held.indexOf(10, from);
			if (end >= 0) {
				const text = new TextDecoder().decode(this.held.subarray(this.pos, end));
				this.pos = end + 1;
				return JSON.parse(text);
			}
			const scanned = this.held.length - this.pos;
			if (!(await this.more())) return null;
			from = this.pos + scanned;
		}
	}

	async take(n) {
		const parts = [];
		while (n > 0) {
			if (this.pos === this.held.length && !(await this.more())) throw new ApiError(0, "The file broke off.");
			const part = this.held.slice(this.pos, this.pos + n);
			this.pos += part.length;
			n -= part.length;
			parts.push(part);
		}
		return parts;
	}
}

// A file of the group as {info, blob, whole}: at most limit bytes of it (0: all). progress(done, size) is called as it comes.
export async function content(group, path, limit, progress, type) {
	const stop = new AbortController();
	const got = await call(address(ofGroup(group, "content"), { path, timeout: 5 }), { signal: stop.signal });
	const reader = new Reader(got.body);
	const info = await reader.line();
	const parts = [];
	let done = 0;
	if (!info) throw new ApiError(0, "The agent sent nothing.");
	for (;;) {
		const line = await reader.line();
		if (line === null) throw new ApiError(0, "The file broke off.");
		if (line.missing) throw new ApiError(0, "Nobody who has it is connected.");
		if (line.end !== undefined) {
			if (line.end !== "complete") throw new ApiError(0, line.end);
			break;
		}
		if (line.length === undefined) continue;
		parts.push(...(await reader.take(line.length)));
		done += line.length;
		if (progress) progress(done, info.size);
		if (limit && done >= limit && done < info.size) {
			stop.abort();
			break;
		}
	}
	return { info, blob: new Blob(parts, { type: type || "application/octet-stream" }), whole: done >= info.size };
}
