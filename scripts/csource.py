"""What scripts/check-arrows and scripts/check-names know of C: the product's files, and what each of them includes,
defines and uses.  It reads text, not the language: enough for the one style that clang-format holds the tree to, in
which a definition begins in the first column and its body with a brace in a line of its own."""
import collections
import os
import re

PRODUCT = ("base", "discovery", "sync", "agent")

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
TAG = re.compile(r"\b(?:struct|enum|union)\s+(\w+)\s*\{")
# A function's head may be several lines long; what comes before its name is types, one of which may be "static".
FUNCTION = re.compile(r"^((?:[A-Za-z_]\w*[\s*]+)+)(\w+)\(([^;{}]*)\)\s*\n\{", re.M)
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "do"}
# An array or table that other files use: "const struct api_route api_routes[] = {".
OBJECT = re.compile(r"^((?:[A-Za-z_]\w*[\s*]+)+)(\w+)(?:\[[^\]]*\])*\s*=", re.M)

Function = collections.namedtuple("Function", "path name static line lines commented")


def files(root, tops=PRODUCT):
    """Paths of all C files below `tops`, from root, sorted."""
    found = []
    for top in tops:
        for folder, _, names in os.walk(os.path.join(root, top)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names if n.endswith((".c", ".h"))]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def bare(text):
    """The text without comments and strings; no line moves."""
    def blank(match):
        return ('""' if match.group().startswith('"') else " ") + "\n" * match.group().count("\n")
    return COMMENT_OR_STRING.sub(blank, text)


def includes(text):
    """(line, own file or None, system header or None) for each #include."""
    return [(text.count("\n", 0, m.start(m.lastindex)) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(text)]


def functions(path, text):
    """The functions that a .c file defines."""
    code, lines = bare(text), text.split("\n")
    found = []
    for m in FUNCTION.finditer(code):
        if m.group(2) in KEYWORDS or m.group(2).startswith("__"):
            continue
        first, last = code.count("\n", 0, m.start()), code.count("\n", 0, code.find("\n}", m.end())) + 1
        body = "\n".join(lines[first:last + 1])
        above = lines[first - 1].rstrip() if first else ""
        commented = "/*" in body or "//" in body or above.endswith("*/")
        found.append(Function(path, m.group(2), "static" in m.group(1).split(), first + 1, last - first + 1, commented))
    return found


def exported_objects(text):
    """Names of variables and tables that a .c file defines and does not keep to itself."""
    return [m.group(2) for m in OBJECT.finditer(bare(text)) if not {"static", "typedef", "extern"} & set(m.group(1).split())]


def words(text):
    """The names in a text, those of fields (a.b, a->b) and tags (struct a) left out."""
    return set(re.findall(r"(?<![\w.])(?<!->)[A-Za-z_]\w*", re.sub(r"\b(?:struct|enum|union)\s+\w+", " ", bare(text))))


def circles(edges):
    """The sets of more than one node that reach each other, largest first (Tarjan). edges: {node: set of nodes}."""
    index, low, stack, inside, found = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        inside.add(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in inside:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            circle = []
            while not circle or circle[-1] != node:
                circle.append(stack.pop())
                inside.discard(circle[-1])
            if len(circle) > 1:
                found.append(sorted(circle))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return sorted(found, key=lambda c: (-len(c), c))


def calls(root):
    """{.c file: the .c files that define what it uses}. A name that two files define leads nowhere: check-names has it."""
    texts = {path: read(root, path) for path in files(root) if path.endswith(".c")}
    homes = collections.defaultdict(set)
    for path, text in texts.items():
        for name in [f.name for f in functions(path, text) if not f.static] + exported_objects(text):
            homes[name].add(path)
    home = {name: next(iter(paths)) for name, paths in homes.items() if len(paths) == 1 and name != "main"}
    return {path: {home[w] for w in words(text) if w in home} - {path} for path, text in texts.items()}
