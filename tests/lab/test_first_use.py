"""docs/first-use.md is replayed, and the answers are those that it shows."""
import os
import re

import pytest

import agents
import netlab

pytestmark = pytest.mark.plain

SESSION = os.path.join(netlab.ROOT, "docs", "first-use.md")
PROMPT = re.compile(r"(alpha|beta|gamma)\$ (.*)\n")
CODE = re.compile(r"\b[a-z2-7]{4}-[a-z2-7]{4}\b")
# What differs from run to run, as the text has it.
VARYING = [
    (re.compile(r"lanyard1-[A-Za-z0-9_-]+"), "TOKEN"),
    (re.compile(r"\b[a-z2-7]{7}-[a-z2-7]{7}(-[a-z2-7]{3,7}){6}\b"), "AGENT..."),
    (re.compile(r"\b[a-z2-7]{7}-[a-z2-7]{7}\b"), "AGENT..."),
    (re.compile(r"(?<=  )[a-z2-7]{7}(?=  )|(?<=\()[a-z2-7]{7}(?=\))"), "AGENT..."),
    (CODE, "CODE"),
    (re.compile(r"\b\d+s ago\b"), "TIME ago"),
    (re.compile(r"\b10(\.\d+){3}\b|\bfe80::[0-9a-f:]+(%\w+)?"), "ADDRESS"),
    (re.compile(r"\b\d{8}-\d{6}-\d{9}\b"), "VERSION"),
    (re.compile(r"\blanyard \d+\.\d+\.\d+"), "lanyard X.Y.Z"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?\b"), "TIME"),
    (re.compile(r" {2,}"), "  "),
]


def shown(text):
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    # Members are named in the order of their IDs, which is another one each time.
    text = re.sub(r"\[([^\]\n]*)\]", lambda m: "[%s]" % ", ".join(sorted(m.group(1).split(", "))), text)
    lines = re.sub(r"[ \t]+$", "", text, flags=re.M).splitlines(keepends=True)
    # Lists of agents are in the order of their IDs, which is another one each time.
    return "".join(sorted(lines) if all("  AGENT...  " in line for line in lines) else lines)


class Terminal:
    def __init__(self, host):
        self.host = host
        self.env = agents.clean_env(host, {"LANYARD_HOME": host.home, "PATH": agents.BUILD + ":" + os.environ["PATH"]})

    def type(self, line, token, code):
        """What is printed, as the text shows it."""
        if line.startswith("lanyardd "):
            self.host.daemon.start("--discovery", "embedded")
            return ""
        got = self.host.run("sh", "-c", "cd; " + line.replace("TOKEN", token or "").replace("CODE", code or ""), check=False, env=self.env,
                            timeout=60 * netlab.FACTOR)
        said = (got.stdout + got.stderr).decode()
        if got.returncode != 0:
            said += "(exit status %d)\n" % got.returncode
        return said.replace(self.host.dir, "/home/me")


def retyped(lab):
    """The text with every answer replaced by what was answered now."""
    with open(SESSION) as f:
        text = f.read()
    terminals = {name: Terminal(lab.host(name)) for name in ("alpha", "beta", "gamma")}
    out, token, code = [], None, None
    blocks = re.split(r"(^```\n.*?^```\n)", text, flags=re.M | re.S)
    for block in blocks:
        if not block.startswith("```"):
            out.append(block)
            continue
        out.append("```\n")
        for name, line in PROMPT.findall(block):
            said = terminals[name].type(line, token, code)
            found = re.search(r"lanyard1-[A-Za-z0-9_-]+", said)
            token = found.group(0) if found else token
            found = CODE.search(said)
            code = found.group(0) if found else code
            out.append("%s$ %s\n%s" % (name, line, shown(said)))
        out.append("```\n")
    return "".join(out)


def test_the_first_use_is_as_it_is_told(lab):
    now = retyped(lab)
    if os.environ.get("LANYARD_RETYPE"):
        with open(SESSION, "w") as f:
            f.write(now)
    with open(SESSION) as f:
        told = f.read()
    assert now.splitlines() == told.splitlines(), "LANYARD_RETYPE=1 rewrites the answers"
    assert told.count("TOKEN\n") == 1 and "AGENT..." in told
