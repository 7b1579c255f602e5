// The difference of two texts by lines (Myers), side by side. Pure: no elements, no calls.
const MOST_EDITS = 800;

// The pairs [line of a, line of b] that stay, in order; null if the texts differ in more than MOST_EDITS lines.
function kept(a, b) {
	const max = Math.min(a.length + b.length, MOST_EDITS),
		trace = [];
	let v = new Map([[1, 0]]);
	for (let d = 0; d <= max; d++) {
		trace.push(new Map(v));
		for (let k = -d; k <= d; k += 2) {
			const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
			let x = down ? v.get(k + 1) : v.get(k - 1) + 1,
				y = x - k;
			while (x < a.length && y < b.length && a[x] === b[y]) {
				x++;
				y++;
			}
			v.set(k, x);
			if (x >= a.length && y >= b.length) return back(trace, a.length, b.length);
		}
	}
	return null;
}

function back(trace, x, y) {
	const pairs = [];
	for (let d = trace.length - 1; d >= 0; d--) {
		const v = trace[d],
			k = x - y;
		const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
		const before = down ? k + 1 : k - 1,
			px = v.get(before),
			py = px - before;
		while (x > px && y > py) {
			x--;
			y--;
			pairs.push([x, y]);
		}
		x = px;
		y = py;
	}
	return pairs.reverse();
}

// Rows [left line or null, right line or null, changed]; long runs of equal lines become one row {skip: how many}.
export function sideBySide(left, right, around) {
	const a = left.split("\n"),
		b = right.split("\n"),
		pairs = kept(a, b);
	if (!pairs) return null;
	const rows = [];
	let x = 0,
		y = 0;
	for (const [i, j] of [...pairs, [a.length, b.length]]) {
		while (x < i || y < j)
			rows.push({
				a: x < i ? a[x] : null,
				b: y < j ? b[y] : null,
				na: x < i ? ++x : 0,
				nb: y < j ? ++y : 0,
				changed: true,
			});
		if (i < a.length && j < b.length) rows.push({ a: a[i], b: b[j], na: ++x, nb: ++y, changed: false });
	}
	return fold(rows, around ?? 3);
}

function fold(rows, around) {
	const near = rows.map(() => false);
	rows.forEach((r, i) => {
		if (r.changed) near.fill(true, Math.max(0, i - around), i + around + 1);
	});
	const out = [];
	rows.forEach((r, i) => {
		if (near[i]) out.push(r);
		else if (out.length && out[out.length - 1].skip) out[out.length - 1].skip++;
		else out.push({ skip: 1 });
	});
	return out;
}
