"""The oracle's book: which contents there ever were, who put which where, who took which away, and what follows of it.

A content is named by its SHA-256; a symlink's is its target.  `known` are all contents that ever stood complete in a share
by a user's doing, those between two writes of one save as well.  `live` are the pairs of content and path that a user put
there and no user who saw it there took away: each of these contents is owed.  Pure: it is told, and it judges.
"""
import collections
import re

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
KINDS = ("torn", "lost", "came back", "stranger", "metadata", "diverged", "not quiet", "dishonest", "ended")

Complaint = collections.namedtuple("Complaint", "kind path text")


class Ledger:
    def __init__(self, base):
        """base(path): the path whose conflict copy this is, or the path itself."""
        self.base = base
        self.known, self.live, self.puts = {EMPTY: "nothing"}, set(), collections.Counter()
        # (mode, mtime) that users gave to a content, and to whatever stood at a path: modes merge where deeds have crossed
        self.states, self.at_path, self.folders = collections.defaultdict(set), collections.defaultdict(set), set()
        self.latest, self.crossed = {}, set()
        self.blind, self.moved, self.story, self.owed, self.shown = set(), set(), [], set(), []

    # --- what users do ---

    def tell(self, text, *paths, content=None):
        self.story.append((len(self.story), text, {self.base(p) for p in paths}, content))

    def intend(self, content, text):
        """Before a user's write, so that nobody can see it before it is known."""
        self.known.setdefault(content, text)

    def _deed(self, path, saw, left):
        """A user saw one state (content, mode, mtime; None: nothing) at a path and left another."""
        for state in filter(None, (saw, left)):
            if state[0] not in self.known:
                self.shown.append((state[0], path))
                self.known[state[0]] = "nobody"
        if self.latest.get(path) != saw:
            self.crossed.add(path)
        self.latest[path] = left
        if left:
            self.at_path[path].add(left[1:])

    def put(self, content, path, mode, mtime):
        """Where there was nothing, or what took() has just been told of."""
        self.states[content].add((mode, mtime))
        pair = content, self.base(path)
        self._deed(pair[1], None, (content, mode, mtime))
        if content != EMPTY:
            self.owed.add(content)
            self.live.add(pair)
            self.puts[pair] += 1

    def took(self, content, path, mode, mtime):
        pair = content, self.base(path)
        self._deed(pair[1], (content, mode, mtime), None)
        self.live.discard(pair)

    def touch(self, content, path, before, after):
        """Its mode or time was changed, which is an edit; before and after: (mode, mtime)."""
        self.states[content].add(after)
        self._deed(self.base(path), (content, *before), (content, *after))

    def overwrote_unseen(self, path):
        """A user's rename or unlink hit what came there a moment before, and nobody can tell what it was."""
        self.blind.add(self.base(path))
        self.crossed.add(self.base(path))

    def moved_folder(self, new):
        self.moved.add(new)

    # --- what follows ---

    def judge(self, picture, kept, held=()):
        """Complaints about the tree that all members agree on, and the contents all of them keep as versions.  held: contents
        of any member's tree, where they do not agree."""
        said = [Complaint("torn", p, "a user met %s there, which nobody wrote" % c[:12]) for c, p in self.shown]
        seen = {e.data for e in picture.values() if e.data is not None}.union(held)
        for content, path in sorted(self.live):
            if content not in seen and content not in kept and path not in self.blind:
                said.append(Complaint("lost", path, "%s is nowhere: %s" % (content[:12], self.known[content])))
        for content in sorted(kept - set(self.known)):
            said.append(Complaint("torn", None, "nobody wrote %s, which is among the versions" % content[:12]))
        for name, entry in sorted(picture.items()):
            said += self._judge_entry(name, entry)
        return said

    def _judge_entry(self, path, entry):
        base = self.base(path)
        if entry.kind == "dir":
            made = base in self.folders or self._in_moved(base)
            return [] if made else [Complaint("stranger", path, "nobody made this folder")]
        if entry.data not in self.known:
            return [Complaint("torn", path, "nobody wrote what it holds (%s)" % str(entry.data)[:12])]
        pair = entry.data, base
        if base == path and entry.data != EMPTY and not self._may_stand(pair):
            return [Complaint("came back", path, "%s was replaced or deleted: %s" % (
                entry.data[:12], self.known[entry.data]))]
        given = self.states[entry.data] | (self.at_path[base] if base in self.crossed else set())
        if entry.kind == "file" and self.states[entry.data] and (entry.mode not in {m for m, _ in given}
                                                                 or entry.mtime not in {t for _, t in given}):
            return [Complaint("metadata", path, "mode %o, mtime %d; users gave %s" % (
                entry.mode, entry.mtime, sorted(("%o" % m, t) for m, t in given)))]
        return []

    def _may_stand(self, pair):
        """Whether a content may stand at a path: it is live there; or deeds on the path have crossed, or may have, since it
        was put there twice; or it came into a folder just as that was moved."""
        if pair in self.live or pair[1] in self.crossed or self.puts[pair] > 1:
            return True
        return self._in_moved(pair[1])

    def _in_moved(self, path):
        return any(path.startswith(m + "/") for m in self.moved)

    def superfluous(self, picture):
        """Conflict copies of what had been replaced by then: no harm, and told."""
        return [p for p, e in picture.items() if self.base(p) != p and e.kind == "file" and (e.data, self.base(p)) not in self.live]

    def doubled(self, picture):
        """Contents that were put to one path once and stand at several: (content, path, where)."""
        where = collections.defaultdict(list)
        for path, e in sorted(picture.items()):
            where[e.data].append(path)
        puts = collections.Counter()
        for (content, _), times in self.puts.items():
            puts[content] += times
        return [(c, p, where[c]) for c, p in self.puts if puts[c] == 1 and len(where[c]) > 1]

    def set_aside(self, picture, kept):
        """Owed contents that are in versions alone."""
        seen = {e.data for e in picture.values()}
        return [(c, p) for c, p in self.live if c in kept and c not in seen]

    def story_of(self, complaint):
        """All that users did to this path or with this content, and every blow."""
        base = complaint.path and self.base(complaint.path)
        mark = re.search(r"\b[0-9a-f]{12}\b", complaint.text)
        wanted = []
        for number, text, paths, content in self.story:
            if not paths or base in paths or (mark and (mark.group() in text or str(content).startswith(mark.group()))):
                wanted.append("  %3d %s" % (number, text))
        return "\n".join(wanted)
