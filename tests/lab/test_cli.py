"""The command line as outside tests and scripts rely on it: exit codes, JSON, what goes where, starting and stopping."""
import json
import os
import pty
import re
import select
import signal
import stat
import time

import pytest

import agents
import control
import netlab
import rot
from netlab import trees

NO_AGENT, USAGE, REFUSED = 3, 2, 1


def alone(lab, group="pics"):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", group, "--share", a.share)
    return a


def lanyardd(host, *args, home=None, timeout=15, env=None):
    """Run a daemon that is expected to end by itself; (exit code, stderr)."""
    got = host.run(os.path.join(agents.BUILD, "lanyardd"), "--home", home or host.home, *args, check=False,
                   timeout=timeout * netlab.FACTOR, env=agents.clean_env(host, env))
    return got.returncode, got.stderr.decode(errors="replace")


@pytest.mark.parametrize("command", [
    ["status"], ["peers"], ["groups"], ["members", "pics"], ["files", "pics"], ["downloads"], ["wait"], ["events"],
    ["create", "pics"], ["invite", "pics"], ["join", "--invite", "lanyard1-x"], ["leave", "pics"], ["verify", "pics"]],
    ids=" ".join)
def test_without_an_agent_every_command_exits_3_and_says_so(lab, command):
    a = lab.host("a")
    got = a.lanyard(*command)
    assert got.code == NO_AGENT and got.out == b"" and "lanyardd" in got.err


@pytest.mark.parametrize("command", [
    [], ["nonsense"], ["--nonsense", "status"], ["status", "--nonsense"], ["create"], ["invite"], ["members"], ["files"],
    ["join"], ["wait", "--timeout", "soon"], ["invite", "pics", "--expires", "never"], ["leave"], ["create", "a", "b"]],
    ids=" ".join)
def test_usage_errors_exit_2_and_say_what_was_meant(lab, command):
    a = alone(lab)
    got = a.lanyard(*command, mistyped=True)
    assert got.code == USAGE and got.out == b"" and got.err.strip()


@pytest.mark.parametrize("command", [
    ["members", "nosuch"], ["files", "nosuch"], ["invite", "nosuch"], ["leave", "nosuch"], ["verify", "nosuch"],
    ["wait", "nosuch"], ["create", "pics", "--share", "/proc/nosuch"], ["create", "pics"], ["files", "pics", "nosuch"],
    ["--json", "files", "pics", "nosuch"]], ids=" ".join)
def test_what_cannot_be_done_exits_1_and_says_why(lab, command):
    a = alone(lab)
    got = a.lanyard(*command)
    assert got.code == REFUSED and got.out == b"" and got.err.strip()


def test_help_and_version_go_to_stdout(lab):
    a = lab.host("a")
    for words in (["--help"], ["--version"]):
        got = a.lanyard(*words)
        assert got.code == 0 and got.out and not got.err
    for word in ("create", "invite", "join", "members", "status", "wait", "verify", "doctor", "downloads", "events"):
        assert word.encode() in a.lanyard("--help").out


@pytest.mark.parametrize("command,keys", [
    (["status"], {"agent", "version", "port", "listen", "discovery", "groups"}), (["peers"], {"peers"}),
    (["groups"], {"groups", "seen"}), (["members", "pics"], {"members"}), (["files", "pics"], {"files"}),
    (["downloads"], {"downloads"}), (["verify", "pics"], None), (["wait", "pics"], None), (["invite", "pics"], None)])
def test_json_is_one_document(lab, command, keys):
    a = alone(lab)
    trees.write(a.share, {"x": b"1"})
    a.wait_sync()
    got = a.lanyard("--json", *command)
    assert got.code == 0 and got.err == ""
    if keys is not None or got.out:
        document = json.loads(got.out)
        assert keys is None or keys <= set(document)


def test_status_tells_what_is_so(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    trees.write(a.share, {"x": b"12345", "d/y": b"1"})
    netlab.settle([a, b])
    document = b.cli("status")
    assert document["port"] == b.port and document["discovery"] == "off"
    group, = document["groups"]
    assert (group["group"], group["share"], group["state"], group["in_sync"], group["files"], group["bytes"],
            group["peers"], group["wanted"], group["wanted_bytes"], group["problems"]) == (
        "pics", b.share, "in-sync", True, 2, 6, 1, 0, 0, [])
    peer, = b.cli("peers")["peers"]
    assert peer["agent"] == a.agent_id() and peer["address"].split(":")[0] == a.ip and peer["name"] == "a"
    assert peer["rx"] > 0 and peer["tx"] > 0 and abs(peer["since"] - time.time()) < 60
    files = b.files("pics")
    assert files[b"x"]["size"] == 5 and files[b"x"]["here"] and files[b"x"]["kind"] == "file"
    assert sorted(files[b"x"]["members"]) == sorted([a.agent_id(), b.agent_id()])
    assert set(b.cli("files", "pics", "d")["files"][-1]["path"].split("/")) == {"d", "y"}


@pytest.mark.parametrize("words", [[name] for name in control.PLAIN] + [[name, "pics"] for name in control.OF_A_GROUP], ids="-".join)
def test_the_command_prints_what_the_socket_answers(lab, words):
    """Other tests ask at the socket (control.py)."""
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {"x": b"12345", "d/y": b"1"})
    netlab.form([a, b])

    def shape(document):
        if isinstance(document, dict):
            return {key: shape(value) for key, value in document.items()}
        if isinstance(document, list):
            return [shape(value) for value in document]
        # Times and rates differ between two calls.
        return document if isinstance(document, (str, bool)) else "a number or null"

    asked = shape(a.ask(control.route(words)))
    assert len(asked) > 0
    assert shape(json.loads(a.lanyard("--json", *words).out)) == asked


def test_what_is_not_here_yet_is_listed_as_such(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit("10mbit")
    trees.write(a.share, {"big": trees.noise(10 << 20)})
    netlab.until("b knows of it", lambda: b"big" in b.files("pics"))
    big = b.files("pics")[b"big"]
    assert not big["here"] and big["members"] == [a.agent_id()]
    group = b.status()
    assert not group["in_sync"] and group["wanted"] == 1 and group["wanted_bytes"] > 0
    a.limit(None)
    netlab.settle([a, b])


def test_invite_prints_the_token_and_nothing_else(lab):
    a = alone(lab)
    got = a.lanyard("invite", "pics")
    assert got.code == 0 and re.fullmatch(rb"lanyard1-[A-Za-z0-9_=-]+\n", got.out)


def test_events_come_as_one_json_document_a_line(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    with b.events() as events:
        trees.write(a.share, {"x": b"1"})
        one = events.wait("file-installed", path=b"x")
        assert one["group"] == "pics" and one["time"]
        os.unlink(a.file("x"))
        events.wait("file-deleted", path=b"x")
        trees.write(b.share, {"y": b"2"})
        events.wait("file-changed", path=b"y")
        events.wait("in-sync")
        name, seen = a.agent_id(), len(events.seen)
        a.daemon.stop()
        events.wait("peer-disconnected", start=seen, peer=name)
        a.daemon.start()
        back = events.wait("peer-connected", start=seen, peer=name)
    assert back["name"] == a.name and back["short_id"] == name[:7]
    got = b.lanyard("--json", "events")
    assert got.code == 0 and {json.loads(line)["event"] for line in got.out.splitlines()} >= {"file-installed", "in-sync"}
    # For people: who it was, and no more of the ID than the other lists show.
    text = b.lanyard("events").out
    assert b"  peer-connected  [pics]  %s (%s)\n" % (a.name.encode(), name[:7].encode()) in text
    assert b"  peer-disconnected  [pics]  %s (%s)  " % (a.name.encode(), name[:7].encode()) in text
    assert name.encode() not in text


def test_only_the_owner_can_read_the_key_and_use_the_socket(lab):
    a = alone(lab)
    assert stat.S_IMODE(os.stat(a.home).st_mode) & 0o077 == 0
    modes = {n: stat.S_IMODE(os.lstat(os.path.join(a.home, n)).st_mode) for n in os.listdir(a.home)}
    sockets = [n for n in modes if stat.S_ISSOCK(os.lstat(os.path.join(a.home, n)).st_mode)]
    keys = [n for n in modes if "key" in n]
    assert sockets and keys
    for name in sockets + keys:
        assert modes[name] == 0o600, name


def test_the_identity_outlives_a_restart_and_is_not_taken_from_a_loose_key(lab):
    a = alone(lab)
    name = a.agent_id()
    a.daemon.stop()
    a.daemon.start()
    assert a.agent_id() == name
    a.daemon.stop()
    key, = [n for n in os.listdir(a.home) if "key" in n]
    os.chmod(os.path.join(a.home, key), 0o644)
    code, said = lanyardd(a, "--listen", "0", "--discovery", "off")
    assert code not in (0, None) and key in said
    os.chmod(os.path.join(a.home, key), 0o600)
    with open(os.path.join(a.home, key), "wb") as f:
        f.write(b"no key at all\x1b[2J")
    code, said = lanyardd(a, "--listen", "0", "--discovery", "off")
    assert code not in (0, None) and key in said and "\x1b" not in said


def test_two_agents_on_one_home_are_refused(lab):
    a = alone(lab)
    code, said = lanyardd(a, "--listen", "0", "--discovery", "off")
    assert code not in (0, None) and said.strip()
    assert a.cli("status")["agent"]
    # After a kill -9 nothing stale is in the way.
    a.daemon.kill9()
    a.daemon.start()
    assert a.cli("groups")["groups"][0]["group"] == "pics"


def test_a_taken_port_is_said(lab):
    a = alone(lab)
    code, said = lanyardd(a, "--listen", str(a.port), "--discovery", "off", home=a.path("other"))
    assert code not in (0, None) and str(a.port) in said


def test_port_0_takes_a_free_port_and_status_says_which(lab):
    a = lab.host("a")
    a.daemon.start("--listen", "0", "--discovery", "off")
    port = a.cli("status")["port"]
    assert port > 0
    with open("/proc/%d/net/tcp6" % a.pid) as f, open("/proc/%d/net/tcp" % a.pid) as g:
        assert ":%04X " % port in f.read() + g.read()


@pytest.mark.parametrize("args", [["--nonsense"], ["--discovery", "maybe"], ["--listen", "x:y:z"], ["--listen", "70000"],
                                  ["--peer", "nonsense"], ["--log-level", "loud"], ["extra"]], ids=" ".join)
def test_a_daemon_asked_for_nonsense_exits_2(lab, args):
    a = lab.host("a")
    code, said = lanyardd(a, *args)
    assert code == USAGE and said.strip()


@pytest.mark.parametrize("text", [b"nonsense", b"[agent\nlisten=1", b"\x00\xff\x1b[31m", b"listen = \xff\n",
                                  b"[agent]\ndiscovery = maybe\n", b"x" * 100_000], ids=range(6))
def test_a_senseless_config_is_said_with_its_name(lab, text):
    a = lab.host("a")
    with open(a.path("bad.ini"), "wb") as f:
        f.write(text)
    code, said = lanyardd(a, "--config", a.path("bad.ini"), "--listen", "0", "--discovery", "off")
    assert code not in (0, None) and "bad.ini" in said and "\x1b" not in said and len(said) < 4000


def test_a_config_that_is_not_there_or_not_readable_is_said(lab):
    a = lab.host("a")
    for path in (a.path("missing.ini"), a.dir):
        code, said = lanyardd(a, "--config", path, "--discovery", "off")
        assert code not in (0, None) and path in said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly_even_when_busy(lab, how):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit("50mbit")
    trees.many(a.path("new"), 1000, 3000)
    trees.write(a.path("new"), {"big": trees.noise(20 << 20)})
    os.rename(a.path("new"), a.file("new"))
    netlab.until("b is busy", lambda: not b.status()["in_sync"])
    for host in (a, b):
        host.daemon.proc.send_signal(how)
        # A disk that is slow has 10 s.
        assert host.daemon.proc.wait(15 * netlab.FACTOR) == 0
        assert "stopping without it" not in host.log()
    a.limit(None)
    for host in (a, b):
        host.daemon.start()
    for host in (a, b):
        host.wait_peers(1)
    netlab.settle([a, b])


def test_a_stream_ends_when_the_agent_does(lab):
    a = alone(lab)
    watch = a.popen(os.path.join(agents.BUILD, "lanyard"), "--home", a.home, "events", "--follow", stdout=-1,
                    env=agents.clean_env(a))
    trees.write(a.share, {"x": b"1"})
    while b"x" not in watch.stdout.readline():
        pass
    a.daemon.stop()
    assert watch.wait(10 * netlab.FACTOR) in (0, NO_AGENT, REFUSED)


def test_doctor_says_what_to_do(lab):
    a = alone(lab)
    got = a.lanyard("--json", "doctor")
    assert got.code in (0, REFUSED)
    assert json.loads(got.out)
    assert a.lanyard("doctor").out.strip()
    a.daemon.stop()
    # Without an agent there is still much to say.
    assert a.lanyard("doctor").code in (0, REFUSED, NO_AGENT)


def test_verify_finds_rot_and_repairs_it_from_a_peer(lab):
    a, b = lab.host("a"), lab.host("b")
    with rot.rotting_photo(lab, a, b) as (tree, spoil):
        assert b.lanyard("verify", "pics").code == 0
        before = os.stat(b.file("photo"))
        spoil()
        after = os.stat(b.file("photo"))
        assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
        got = b.lanyard("verify", "pics")
        assert got.code == REFUSED and b"photo" in got.out + got.err.encode()
    # It is not spread.
    b.wait_sync(peers=1)
    assert trees.picture(a.share) == tree
    b.lanyard("verify", "pics", "--repair")
    netlab.until("the photo is whole again", lambda: trees.picture(b.share) == tree, 20)
    netlab.settle([a, b])
    assert b.lanyard("verify", "pics").code == 0


def read_terminal(host, *args, seconds=10, until=None, answers=()):
    """Run `lanyard` with a terminal; what it drew. answers: what is typed at each question, one after the other."""
    answers = list(answers)
    leader, follower = pty.openpty()
    proc = host.popen(os.path.join(agents.BUILD, "lanyard"), "--home", host.home, *args, stdin=follower, stdout=follower,
                      stderr=follower, env=agents.clean_env(host, {"TERM": "xterm", "COLUMNS": "100"}))
    os.close(follower)
    drawn, end = b"", time.monotonic() + seconds * netlab.FACTOR
    try:
        while time.monotonic() < end and not (until and re.search(until, drawn)):
            ready, _, _ = select.select([leader], [], [], 0.2)
            if ready:
                try:
                    drawn += os.read(leader, 65536)
                except OSError:
                    break
                if answers and drawn.endswith(b"[y/N] "):
                    os.write(leader, answers.pop(0))
            elif proc.poll() is not None:
                break
    finally:
        proc.terminate()
        proc.wait(5)
        os.close(leader)
    return drawn


def test_downloads_watch_draws_bars_on_a_terminal(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.limit("4mbit")
    trees.write(a.share, {"film \x1b[31m.bin": trees.noise(8 << 20)})
    netlab.until("b downloads", lambda: [d for d in b.cli("downloads")["downloads"] if d["done"] > 0], 20)
    drawn = read_terminal(b, "downloads", "--watch", until=rb"\[D\][^\n]*[0-9.]+ ?[kMG]i?B/s", seconds=20)
    a.limit("1gbit")
    netlab.settle([a, b])
    drawn += read_terminal(b, "downloads", "--watch", until=rb"\[C\]", seconds=20)
    assert b"\x1b[3" in drawn
    drawn = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", drawn)
    assert re.search(rb"\[D\] .*film", drawn) and re.search(rb"\d+ ?%", drawn) and re.search(rb"\[C\] .*film", drawn)
    assert re.search(rb"[0-9.]+ ?[kMG]i?B/s", drawn) and b"\\x1b[31m.bin" in drawn and b"\x1b" not in drawn
    # Without a terminal there is neither bar nor escape code.
    plain = b.lanyard("downloads").out
    assert b"[C]" in plain and b"\x1b" not in plain


def test_no_color_is_honoured(lab):
    a = alone(lab)
    assert b"pics" in read_terminal(a, "status", until=rb"pics", seconds=5)
    got = a.lanyard("status", env={"NO_COLOR": "1", "TERM": "xterm"})
    assert b"\x1b" not in got.out


def test_the_documents_list_every_command(lab):
    """README has each command with its arguments, the man page each command and each option."""
    usage = lab.host("a").run(os.path.join(agents.BUILD, "lanyard"), "help").stdout.decode()
    with open(os.path.join(netlab.ROOT, "README.md"), encoding="utf-8") as f:
        readme = set(re.findall(r"`([^`\n]+)`", f.read().replace("\\|", "|")))
    with open(os.path.join(netlab.ROOT, "docs", "man", "lanyard.1"), encoding="utf-8") as f:
        heads = re.findall(r"^\.TP\n(.*)", re.sub(r"\\f.|[\\\"]", "", f.read()), re.M)
    rows = re.findall(r"^  ([a-z].*?)  ", usage, re.M)
    assert len(rows) > 20
    for row in rows:
        name = row.split()[0]
        assert row in readme, row
        assert any(re.search(r"(^|[ ,.])%s\b" % name, head) and all(o in head for o in re.findall("--[a-z-]+", row)) for head in heads), row


@pytest.mark.plain
def test_help_explains_every_option(lab):
    """Each command has an example that begins with it, and each of its options a line of its own."""
    a = lab.host("a")
    rows = re.findall(r"^  ([a-z].*?)  ", a.lanyard("help").out.decode(), re.M)
    for row in rows:
        name = row.split()[0]
        said = a.lanyard(name, "--help").out.decode()
        for option in re.findall("--[a-z-]+", row):
            assert re.search(r"^  %s\b.*  \S" % option, said, re.M), (name, option)
        for line in re.findall(r"^  lanyard .*", said, re.M):
            assert re.match(r"  lanyard (--json )?%s\b" % name, line), line
        assert name in ("version", "help") or "\nexample" in said, name
    assert a.lanyard("help", "join").out == a.lanyard("join", "--help").out


def test_mistakes_are_answered_with_what_was_meant(lab):
    a = lab.host("a")
    for typed, meant in (("statsu", "status"), ("memebers", "members"), ("conficts", "conflicts"), ("gte", "get")):
        got = a.lanyard(typed, mistyped=True)
        assert got.code == 2 and "did you mean '%s'?" % meant in got.err
    for typed in ("xyzzy", "x", "a" * 200):
        assert "did you mean" not in a.lanyard(typed, mistyped=True).err
    got = a.lanyard("join", "lanyard1-abcdef")
    assert got.code == 2 and "--invite -" in got.err


def test_lists_have_headers_on_a_terminal_alone(lab):
    a = alone(lab)
    assert b"NAME" in read_terminal(a, "members", "pics", until=rb"NAME +ID +ROLE +WHERE", seconds=5)
    trees.write(a.share, {"x": b"x"})
    a.wait_sync()
    assert b"WHO" in read_terminal(a, "files", "pics", until=rb"KIND +SIZE +STATE +PATH", seconds=5)
    assert b"KIND" not in a.lanyard("files", "pics").out
    assert b"SHARE" in read_terminal(a, "groups", until=rb"GROUP +ROLE +STATE +SHARE", seconds=5)
    assert b"NAME" not in a.lanyard("members", "pics").out and b"GROUP" not in a.lanyard("groups").out


def test_consequences_come_before_the_act_where_a_person_is(lab):
    a, b = netlab.in_sync(lab, {"trip/%02d" % i: b"%d" % i for i in range(40)})
    os.rename(b.file("trip"), b.path("gone"))
    netlab.until("b holds the deletions", lambda: b.status()["held"] > 0, 30)
    no, yes = (b"\n",), (b"y\n",)
    said = read_terminal(b, "release", "pics", answers=no)
    assert b"41 files that disappeared here are deleted at the other members" in said and b"40 paths in trip/" in said
    assert b"nothing was done" in said and b.status()["held"] > 0
    assert b"released 41 deletions" in read_terminal(b, "release", "pics", answers=yes)
    netlab.until("a holds them as well", lambda: a.status()["held"] > 0, 30)
    said = read_terminal(a, "release", "pics", answers=no)
    assert b"40 files are deleted, replaced or emptied here, as b did it. They become kept versions." in said
    said = read_terminal(a, "remove", "pics", "b", answers=no)
    assert b"b is told nothing any more" in said and len(a.cli("members", "pics")["members"]) == 2
    said = read_terminal(b, "leave", "pics", answers=no)
    assert b"Kept versions of older files are deleted" in said and b.cli("status")["groups"]
    # Who says so, and who is not at a terminal, is not asked; neither is anybody whose act is refused or has no consequence.
    assert b"[y/N]" not in read_terminal(a, "release", "pics", "--yes") and a.status()["held"] == 0
    assert b"nothing is held here" in read_terminal(a, "release", "pics")
    assert b"there is no such group" in read_terminal(a, "leave", "nowhere")
    assert b"b (" in read_terminal(a, "remove", "pics", "b", answers=yes) and len(a.cli("members", "pics")["members"]) == 1
    assert b"left pics" in read_terminal(b, "leave", "pics", answers=yes)
    assert a.lanyard("leave", "pics").code == 0


def test_roles_rejections_drops_and_imports_say_first_what_they_lead_to(lab):
    a, b, c = (lab.host(n) for n in "abc")
    netlab.form([a, b], discovery="embedded")
    trees.write(a.share, {"x": b"x"})
    a.wait_sync()
    roles = lambda: {m["name"]: m["role"] for m in a.cli("members", "pics")["members"]}  # noqa: E731
    netlab.until("a knows the name of b", lambda: "b" in roles())
    said = read_terminal(a, "role", "pics", "b", "owner", answers=(b"\n",))
    assert b"b (%s) becomes an owner. An owner decides who belongs" % b.agent_id()[:7].encode() in said and b"nothing was done" in said
    assert roles() == {"a": "owner", "b": "member"}
    # What is refused or changes nothing is not asked about, and neither is what can be taken back.
    for words in (("a", "owner"), ("b", "member"), ("b", "reader"), ("b", "vault"), ("nobody", "vault")):
        assert b"[y/N]" not in read_terminal(a, "role", "pics", *words)
    assert b"[y/N]" not in read_terminal(b, "role", "pics", "a", "owner") and roles()["b"] == "reader"
    assert b"[y/N]" not in read_terminal(a, "role", "pics", "b", "owner", "--yes") and roles()["b"] == "owner"

    said = read_terminal(a, "drop", "pics", "x", "--even-if-last", answers=(b"\n",))
    assert b"lost for everybody" in said and b"nothing was done" in said and os.path.exists(a.file("x"))
    assert b"[y/N]" not in read_terminal(a, "drop", "pics", "x", "--even-if-last", "--yes")
    assert b"[y/N]" not in read_terminal(a, "drop", "pics", "x")

    c.daemon.start("--discovery", "embedded")
    netlab.until("c sees the group", lambda: c.cli("groups")["seen"], 20)
    c.lanyard("join", "pics", "--share", c.share, "--timeout", "0")
    netlab.until("c asks", lambda: a.cli("requests")["requests"], 20)
    code = a.cli("requests")["requests"][0]["code"]
    said = read_terminal(a, "accept", "pics", code, "--role", "owner", answers=(b"\n",))
    assert b"c (%s) becomes an owner" % c.agent_id()[:7].encode() in said and "c" not in roles()
    said = read_terminal(a, "reject", "pics", code, "--forever", answers=(b"\n",))
    assert b"No owner sees a request of c (%s) any more" % c.agent_id()[:7].encode() in said and a.cli("requests")["requests"]
    assert b"rejected c" in read_terminal(a, "reject", "pics", code, "--forever", answers=(b"y\n",))
    assert a.cli("requests")["requests"] == []

    with open(a.path("word"), "w") as f:
        f.write("secret words\n")
    a.cli("key", "export", a.path("key"), "--passphrase-file", a.path("word"))
    load = "key", "import", a.path("key"), "--passphrase-file", a.path("word"), "--share", c.path("all")
    netlab.until("c is refused", lambda: c.cli("status")["asked"][0]["state"] == "rejected", 20)
    c.cli("leave", "pics")
    before = c.agent_id()
    said = read_terminal(c, *load, answers=(b"\n",))
    assert b"The key of the agent %s is deleted" % before.encode() in said and c.agent_id() == before
    c.daemon.stop()
    said = read_terminal(c, *load, answers=(b"\n",))
    assert b"The key of the agent of %s is deleted" % c.home.encode() in said and b"nothing was done" in said
    # It does not write a file for which it was not asked, and a member of a group is refused without a question.
    assert b"[y/N]" not in read_terminal(b, *load)
    assert b"this is agent %s again" % a.agent_id().encode() in read_terminal(c, *load, answers=(b"y\n",))
    assert a.lanyard("key", "export", a.path("other"), "--yes").code == 2


def test_what_it_leads_to_to_be_made_a_vault_is_said_first(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b], options=("--sealed",))
    netlab.until("its name is known", lambda: "b" in [m["name"] for m in a.cli("members", "pics")["members"]])
    said = read_terminal(a, "role", "pics", "b", "vault", answers=(b"\n",))
    assert b"loses the group's keys" in said and b"a new key starts" in said and b"nothing was done" in said
    said = read_terminal(a, "role", "pics", "b", "vault", answers=(b"y\n",))
    assert re.search(rb"b \(.*\) is vault now", said)
    assert b"is a vault, and stops" in read_terminal(a, "role", "pics", "b", "member", answers=(b"\n",))
    assert {m["name"]: m["role"] for m in a.cli("members", "pics")["members"]} == {"a": "owner", "b": "vault"}


def test_status_says_who_is_away_and_tells_many_problems_by_folder(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    assert b"members are here" not in a.lanyard("status").out
    for folder, n in (("pipes", 12), ("more", 2)):
        os.mkdir(a.file(folder))
        for i in range(n):
            os.mkfifo(a.file("%s/%d" % (folder, i)))
    netlab.until("all are known", lambda: a.status()["problem_count"] == 14, 20)
    said = a.lanyard("status").out.decode()
    assert re.search(r"^  not synced: 12 paths in pipes/: .* \(for \d+s; ", said, re.M), said
    assert re.search(r"^  not synced: 2 paths in more/: ", said, re.M) and said.count("not synced") == 2, said
    b.daemon.stop()
    a.wait_peers(0)
    assert re.search(r"^  1 of 2 members are here; b away since \S+$", a.lanyard("status").out.decode(), re.M)
    assert re.search(r"^pics: .*; away: b, 0 files in %s$" % re.escape(a.share), a.lanyard("status", "--brief").out.decode(), re.M)


def test_own_deletions_are_found_at_the_members_that_keep_them(lab):
    a, b = netlab.in_sync(lab, {"x": b"1"})
    os.unlink(a.file("x"))
    netlab.settle([a, b])
    for words in (("x",), ()):
        got = a.lanyard("versions", "pics", *words)
        assert got.code == REFUSED and "(b): `lanyard restore` there brings it back" in got.err, got.err
    assert b.lanyard("versions", "pics", "x").code == 0


def test_active_downloads_come_before_complete_ones_of_other_groups(lab):
    a, b = netlab.in_sync(lab, {"%02d" % i: b"x" for i in range(40)})
    a.cli("create", "zoo", "--share", a.path("zoo"))
    b.cli("join", "--invite", a.invite("zoo"), "--share", b.path("zoo"))
    a.limit("4mbit")
    trees.write(a.path("zoo"), {"film": trees.noise(8 << 20)})
    netlab.until("b downloads", lambda: [d for d in b.cli("downloads")["downloads"] if d["state"] == "D"], 20)
    states = [d["state"] for d in b.cli("downloads")["downloads"]]
    a.limit("1gbit")
    assert states[0] == "D" and states == sorted(states, reverse=True) and "C" in states


def test_a_token_does_not_stay_on_the_command_line(lab):
    a = alone(lab)
    token = a.invite("pics")
    a.daemon.stop()
    # No member answers, so each command waits.
    for name, words in (("b", ["--invite", token]), ("c", ["--invite=" + token])):
        b = lab.host(name)
        b.daemon.start("--discovery", "off")
        join = b.popen(os.path.join(agents.BUILD, "lanyard"), "--home", b.home, "join", *words, "--share", b.share,
                       stdout=-1, stderr=-1, env=agents.clean_env(b))

        def command_line():
            with open("/proc/%d/cmdline" % join.pid, "rb") as f:
                return f.read()
        netlab.until("it is hidden", lambda: b"xxxxxxxx" in command_line() and token.encode() not in command_line())
        join.kill()
        join.wait()


def test_a_share_that_is_taken_says_by_which_group_and_what_to_type(lab):
    a = alone(lab)
    got = a.lanyard("create", "more", "--share", a.share)
    assert got.code == REFUSED and "overlaps with %s, the share of group pics: choose another folder (--share FOLDER)" % a.share in got.err
