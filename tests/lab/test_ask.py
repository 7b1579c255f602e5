"""Asking to join a group by its name: the code that two people compare, the request that waits for an owner, and what an owner
decides."""
import json
import os
import re
import subprocess

import agents
import netlab
import pytest
from netlab import trees, until

CODE = re.compile(r"[a-z2-7]{4}-[a-z2-7]{4}")
MEMBERS = 3
OF_ADDRESS = 4  # requests from one address that one member carries


def start(*hosts):
    for host in hosts:
        host.daemon.start("--discovery", "embedded", "--listen", str(host.port))


def group_of(hosts, group="home", options=()):
    """The first founds it, the others join by an invite; all find each other by mDNS."""
    start(*hosts)
    first, *others = hosts
    first.cli("create", group, "--share", first.share, *options)
    for host in others:
        host.cli("join", "--invite", first.invite(group), "--share", host.share)
    for host in hosts:
        host.wait_peers(len(hosts) - 1)
        host.wait_sync()


def seen(host):
    return host.cli("groups")["seen"]


def until_seen(host, group="home", number=1):
    until(lambda: "%s sees %s: %s" % (host.name, group, seen(host)),
          lambda: len([g for g in seen(host) if g["group"] == group]) == number, 20)


def asked(host):
    """What the asker's status says of its one request."""
    one, = host.cli("status")["asked"]
    return one


def code_of(host):
    """The code of its one request.  A member shows it before the asker has the member's answer."""
    return until(lambda: "%s has a code: %s" % (host.name, asked(host)), lambda: asked(host)["code"], 20)


def ask(host, group="home", *options, timeout=0):
    """Ask without waiting for a decision; returns the code."""
    got = host.lanyard("--json", "join", group, "--share", host.share, "--timeout", str(timeout), *options)
    assert got.code == 1, got
    return code_of(host)


def requests(host, group=None):
    return host.cli("requests", *([group] if group else []))["requests"]


def until_requested(host, code, timeout=20):
    """The one request with this code, as this member shows it."""
    until(lambda: "%s shows %s: %s" % (host.name, code, requests(host)),
          lambda: [r for r in requests(host) if r["code"] == code], timeout)
    one, = [r for r in requests(host) if r["code"] == code]
    return one


def until_member(host, group="home", timeout=20):
    until(lambda: "%s is a member: %s" % (host.name, host.cli("groups")),
          lambda: [g for g in host.cli("groups")["groups"] if g["group"] == group and g["role"]], timeout)


def wait_for(proc, timeout=20):
    out, err = proc.communicate(timeout=timeout * netlab.FACTOR)
    return proc.returncode, out.decode(), err.decode()


def join(host, *words):
    """`lanyard join WORDS`, running."""
    return host.popen(os.path.join(agents.BUILD, "lanyard"), "--home", host.home, "--json", "join", *words,
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=agents.clean_env(host))


def test_a_group_is_seen_once_with_its_owner_and_its_members(lab):
    a, b, c, d = hosts = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until(lambda: "d sees one group of three: %s" % seen(d), lambda: [g["members"] for g in seen(d)] == [MEMBERS], 20)
    one, = seen(d)
    assert (one["group"], one["owner"]) == ("home", "a") and re.fullmatch("[a-z2-7]{26}", one["id"])
    # By the same public ID members know it; the ID itself is nobody else's.
    mine, = a.cli("groups")["groups"]
    assert (mine["mode"], mine["sealed"]) == ("mirror", False)
    assert mine["public_id"] == one["id"] and mine["id"] not in json.dumps(seen(d))
    assert seen(b) == []
    shown = d.lanyard("groups").out.decode()
    assert re.search(r"^home +of a +3 members$", shown, re.M), shown
    assert hosts


def test_the_first_five_minutes_compare_a_code_and_accept(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    trees.write(a.share, {"report": b"from a"})
    start(d)
    until_seen(d)
    with d.events() as at_d, a.events() as at_a:
        proc = join(d, "home", "--share", d.share, "--message", "the laptop in room 2")
        said = at_a.wait("request", peer=d.agent_id())
        one = until_requested(a, code_of(d))
        assert (said["name"], said["short_id"]) == ("d", d.agent_id()[:7])
        assert one["code"] in said["reason"] and "the laptop in room 2" in said["reason"]
        assert (one["group"], one["agent"], one["name"], one["message"]) == ("home", d.agent_id(), "d", "the laptop in room 2")
        assert CODE.fullmatch(one["code"]) and one["giver_name"] in ("a", "b", "c")
        assert one["address"] in (d.ip, d.ip6) or one["address"].startswith("fe80:"), one
        assert a.status()["requests"] == 1
        shown = a.lanyard("requests", "home").out.decode()
        assert re.search(r"%s  home  d  %s" % (one["code"], d.agent_id()[:7]), shown), shown
        a.cli("accept", "home", one["code"])
        code, out, err = wait_for(proc)
        at_d.wait("joined", group="home")
    assert code == 0, (out, err)
    answer = json.loads(out)
    assert (answer["state"], answer["code"], answer["group"]) == ("accepted", one["code"], "home")
    d.wait_sync(peers=1)
    until("the file came", lambda: os.path.exists(d.file("report")), 20)
    assert d.cli("status")["asked"] == [] and requests(a) == []
    members = {m["name"]: m["role"] for m in d.cli("members", "home")["members"]}
    assert members == {"a": "owner", "b": "member", "c": "member", "d": "member"}


def test_a_request_waits_for_an_owner_while_everybody_restarts(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    a.daemon.stop()
    start(d)
    until_seen(d)
    code = ask(d, "home", "--message", "it is me")
    for member in (b, c):
        until_requested(member, code)
    for host in (b, c, d):
        host.daemon.stop()
    start(b, c, d)
    assert asked(d)["code"] == code
    b.daemon.stop()
    # Whoever took it in is away as well: it comes to the owner through another member.
    start(a)
    one = until_requested(a, code)
    assert (one["agent"], one["message"]) == (d.agent_id(), "it is me")
    # The same command again shows the code again; another request needs the first one to be given up.
    again = d.lanyard("--json", "join", "home", "--timeout", "0")
    assert json.loads(again.out)["code"] == code and again.code == 1
    for more in (["--message", "another"], ["--share", d.path("another")]):
        got = d.lanyard("join", "home", "--timeout", "0", *more)
        assert got.code == 1 and "already" in got.err
    assert [r["code"] for r in requests(a)] == [code]
    a.cli("accept", "home", d.agent_id()[:10])
    until_member(d)


def test_an_asker_that_is_away_is_a_member_as_soon_as_it_comes(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until_seen(d)
    code = ask(d, "home", "--mode", "on-demand")
    until_requested(a, code)
    d.daemon.stop()
    a.cli("accept", "home", "d", "--role", "reader")
    until("b has heard", lambda: len(b.cli("members", "home")["members"]) == 4, 20)
    a.daemon.stop()  # another member tells it
    start(d)
    until_member(d)
    assert {g["group"]: g["role"] for g in d.cli("groups")["groups"]} == {"home": "reader"}
    assert d.cli("mode", "home")["mode"] == "on-demand"


def test_a_decision_reaches_an_asker_that_was_cut_off(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until_seen(d)
    code = ask(d)
    until_requested(a, code)
    d.cut()
    a.cli("accept", "home", code)
    until("c has heard", lambda: len(c.cli("members", "home")["members"]) == 4, 20)
    a.cut()  # whoever decided is not reachable when the asker is
    d.mend()
    until_member(d, timeout=60)
    trees.write(b.share, {"hello": b"world"})
    until("the file came", lambda: os.path.exists(d.file("hello")), 30)


def test_a_rejection_is_told_once_and_ends_the_asking(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until_seen(d)
    with d.events() as at_d:
        proc = join(d, "home", "--share", d.share, "--timeout", "60")
        until("d asks", lambda: d.cli("status")["asked"], 20)
        first = code_of(d)
        until_requested(a, first)
        a.cli("reject", "home", first)
        at_d.wait("rejected", group="home")
    code, out, err = wait_for(proc)
    assert code == 1 and json.loads(out)["state"] == "rejected" and "rejected" in err
    until("nobody waits", lambda: not requests(a) and not requests(b), 20)
    d.daemon.stop()
    start(d)
    with d.events(history=True) as at_d:
        at_d.wait("ready")
        assert asked(d)["state"] == "rejected"
        assert not [e for e in at_d.seen if e["event"] == "rejected"]
    # It may ask again, as another request.
    again = ask(d)
    assert again != first
    until_requested(a, again)
    a.cli("reject", "home", again, "--forever")
    until(lambda: "rejected for good: %s" % asked(d), lambda: asked(d)["state"] == "rejected", 20)
    d.lanyard("join", "home", "--share", d.share, "--timeout", "3")
    until("still rejected", lambda: asked(d)["state"] == "rejected", 20)
    assert requests(a) == [] and requests(b) == []
    # What is over can be forgotten.
    d.cli("leave", "home")
    assert d.cli("status")["asked"] == []


def test_decisions_name_whom_they_are_about(lab):
    a, b, c = [lab.host(name) for name in ("a1", "b1", "c1")]  # no ID begins so: a word that fits a name and an ID means neither
    start(a, b, c)
    a.cli("create", "home", "--share", a.share)
    for host in (b, c):
        until_seen(host)
        until_requested(a, ask(host))
    ids = {host.name: host.agent_id() for host in (b, c)}
    said = a.lanyard("reject", "home", "b1").out.decode()
    assert said == "rejected b1 (%s)\n" % ids["b1"][:7]
    # By its ID, while it asks: its name is known from there.
    said = a.lanyard("role", "home", ids["c1"], "reader").out.decode()
    assert said == "c1 (%s) is reader now\n" % ids["c1"][:7]
    until_member(c)
    got = a.lanyard("reject", "home", "c1")
    assert got.code == 1, got
    got = a.lanyard("reject", "home", ids["c1"])
    assert got.code == 1 and "lanyard remove home" in got.err, got
    said = a.lanyard("remove", "home", "c1").out.decode()
    assert said.startswith("c1 (%s) is removed from home" % ids["c1"][:7]), said
    got = a.lanyard("accept", "home", "aaaa-aaaa")
    assert got.code == 1 and "code" in got.err, got


def test_a_rejection_waits_for_an_asker_that_is_away(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until_seen(d)
    code = ask(d)
    until_requested(a, code)
    d.daemon.stop()
    a.cli("reject", "home", "d")
    until("b and c have heard", lambda: not requests(b) and not requests(c), 20)
    a.daemon.stop()
    start(d)
    with d.events(history=True) as at_d:
        at_d.wait("rejected", group="home")
    assert asked(d)["state"] == "rejected"


def test_an_agent_is_accepted_before_it_asks(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until_seen(d)
    answer = a.cli("accept", "home", d.agent_id())
    assert (answer["agent"], answer["role"]) == (d.agent_id(), "member")
    answer = d.cli("join", "home", "--share", d.share, "--timeout", "20")
    assert answer["state"] == "accepted"
    until_member(d)


def test_a_hidden_group_is_neither_seen_nor_asked_for(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c], options=["--hidden"])
    start(d)
    until("d has looked", lambda: seen(d) == [], 5)
    got = d.lanyard("join", "home", "--share", d.share, "--timeout", "2")
    assert got.code == 1 and "no group of that name is seen" in got.err
    # Not even by who knows its public ID.
    mine, = a.cli("groups")["groups"]
    d.lanyard("join", "home#" + mine["public_id"], "--share", d.share, "--timeout", "3")
    assert asked(d)["code"] is None and requests(a) == []


def test_two_groups_of_one_name_are_told_apart(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    start(a, b, c, d)
    for host in (a, b):
        host.cli("create", "home", "--share", host.share)
    c.cli("join", "--invite", b.invite("home"), "--share", c.share)
    until_seen(d, number=2)
    until("of two members", lambda: sorted(g["members"] for g in seen(d)) == [1, 2], 20)
    got = d.lanyard("join", "home", "--share", d.share, "--timeout", "10")
    of_a, of_b = [next(g["id"] for g in seen(d) if g["owner"] == name) for name in "ab"]
    assert got.code == 1
    for tag, owner in ((of_a, "of a, 1 member"), (of_b, "of b, 2 members")):
        assert "home#%s (%s)" % (tag[:8], owner) in got.err, got.err
    code = ask(d, "home#" + of_b[:6])
    until_requested(b, code)
    assert requests(a) == []
    # Also where one of them is here already, which is told apart from it.
    c_sees = c.lanyard("groups").out.decode()
    assert re.search(r"^home#%s +of a +1 member$" % of_a[:4], c_sees, re.M), c_sees
    assert re.search(r"^home#%s +member " % of_b[:4], c_sees, re.M), c_sees
    assert c.cli("members", "home#" + of_b[:4]) == c.cli("members", "home")
    ask_a = c.lanyard("join", "home#" + of_a[:4], "--share", c.path("of-a"), "--timeout", "0")
    assert ask_a.code == 1 and "confirmation code" in ask_a.out.decode()
    # Nobody loses a group who gives up asking for another.
    left = c.lanyard("leave", "home")
    assert left.code == 1 and "NAME#ID" in left.err, left
    c.cli("leave", "home#" + of_a[:4])
    mine, = c.cli("groups")["groups"]
    assert mine["public_id"] == of_b and c.cli("groups")["asked"] == []
    b.cli("accept", "home", code)
    until_member(d)
    assert [g["id"] for g in seen(d)] == [of_a]


def test_who_asks_again_is_told_of_the_acceptance(lab):
    a, b, c = [lab.host(name) for name in "abc"]
    start(a, b, c)
    a.cli("create", "a#b", "--share", a.share)
    until_seen(b, "a#b")
    a.cli("accept", "a#b", ask(b, "a#b"))
    until_member(b, "a#b")
    for words in (["a#b"], ["a#b", "--share", b.share]):
        again = b.cli("join", *words, "--timeout", "5")
        assert (again["state"], again["share"]) == ("accepted", b.share)
    other = b.lanyard("join", "a#b", "--share", b.path("other"), "--timeout", "5")
    assert other.code == 1 and "already" in other.err, other
    # Where there is another one of that name, that one may be meant.
    c.cli("create", "a#b", "--share", c.share)
    until_seen(b, "a#b")
    assert b.lanyard("join", "a#b", "--timeout", "5").code == 1
    # A former member is told the way back.
    a.cli("remove", "a#b", b.agent_id())
    until("b is out", lambda: b.status()["error"], 20)
    out = b.lanyard("join", "a#b", "--share", b.share, "--timeout", "5")
    assert out.code == 1 and "lanyard leave a#b" in out.err, out
    assert requests(a) == []  # what was accepted once does not ask again


def test_a_token_ends_the_asking(lab):
    a, b, c = [lab.host(name) for name in "abc"]
    group_of([a, b])
    start(c)
    until_seen(c)
    until_requested(a, ask(c))
    c.cli("join", "--invite", a.invite("home"), "--share", c.path("by-token"))
    # It does not go on asking beside it, and is connected like any member.
    assert c.cli("status")["asked"] == []
    c.wait_peers(2)
    assert requests(a) == []
    c.cli("leave", "home")
    until("a has heard of the leave", lambda: len(a.cli("members", "home")["members"]) == 2, 20)
    assert requests(a) == []


def test_another_owner_accepts(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, c])
    start(b)
    until_seen(b)
    a.cli("accept", "home", until_requested(a, ask(b))["code"], "--role", "owner")
    until_member(b)
    b.wait_peers(2)
    assert b.cli("groups")["groups"][0]["role"] == "owner"
    a.daemon.stop()
    start(d)
    until_seen(d)
    code = ask(d)
    until_requested(c, code)
    got = c.lanyard("accept", "home", code)
    assert got.code == 1 and "only an owner" in got.err
    until_requested(b, code)
    b.cli("accept", "home", code)
    until_member(d)
    start(a)
    until("a knows", lambda: len(a.cli("members", "home")["members"]) == 4, 20)
    assert requests(a) == []


class Second:
    """One more agent of a host, with its own home, identity, name and share."""

    def __init__(self, host, name):
        self.host, self.name, self.home, self.share = host, name, host.path("home-" + name), host.path("share-" + name)
        os.makedirs(self.home, mode=0o700)
        os.makedirs(self.share)
        with open(os.path.join(self.home, "lanyard.conf"), "w") as f:
            f.write("[agent]\nname = %s\n" % name)
        self.log = open(host.path(name + ".log"), "ab")
        self.proc = host.popen(os.path.join(agents.BUILD, "lanyardd"), "--home", self.home, "--discovery", "embedded", "--listen", "0",
                               stdout=self.log, stderr=self.log, env=agents.clean_env(host))

    def say(self, *words):
        return json.loads(self.host.lanyard("--json", *words, home=self.home).out)

    def ask(self, group="home"):
        """Ask, once the group is seen; returns the code."""
        until("%s answers" % self.name, lambda: self.host.lanyard("status", home=self.home).code == 0, 20)
        until("%s sees the group" % self.name, lambda: self.say("groups")["seen"], 20)
        self.host.lanyard("join", group, "--share", self.share, "--timeout", "0", home=self.home)
        until("%s has a code" % self.name, lambda: self.say("status")["asked"][0]["code"], 20)
        return self.say("status")["asked"][0]["code"]

    def stop(self):
        self.proc.terminate()
        code = self.proc.wait(20 * netlab.FACTOR)
        self.log.close()
        assert code == 0


@pytest.fixture
def seconds():
    """Makes more agents, and stops them at the end."""
    made = []

    def make(host, name):
        made.append(Second(host, name))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def test_a_second_user_of_the_machine_asks(lab, seconds):
    a, b, c = [lab.host(name) for name in "abc"]
    group_of([a, b, c])
    anna = seconds(a, "anna")
    code = anna.ask()
    assert until_requested(a, code)["name"] == "anna"
    a.cli("accept", "home", "anna")
    until("anna is a member", lambda: [g for g in anna.say("status")["groups"] if g["group"] == "home"], 20)
    trees.write(b.share, {"hello": b"world"})
    until("the file is there", lambda: os.path.exists(os.path.join(anna.share, "hello")), 20)
    assert "anna" in [m["name"] for m in c.cli("members", "home")["members"]]


def test_a_crowd_at_one_address_hides_nobody(lab, seconds):
    a, b, c, d, e, f = [lab.host(name) for name in "abcdef"]
    group_of([a, b, c])
    start(d, f)
    until_seen(d)
    before = ask(d)
    until_requested(a, before)
    with a.events() as at_a:
        for i in range(8):
            seconds(e, "noise%d" % i).ask()
        until_seen(f)
        after = ask(f)
        until_requested(a, after)
        at_a.wait("request", peer=f.agent_id())
    shown = [r["code"] for r in requests(a)]
    assert {before, after} <= set(shown)
    assert len(shown) <= 2 + OF_ADDRESS * MEMBERS
    a.cli("accept", "home", after)
    until_member(f)


def test_what_nobody_can_mean_is_refused(lab):
    a, b, c, d = [lab.host(name) for name in "abcd"]
    group_of([a, b, c])
    start(d)
    until_seen(d)
    code = ask(d)
    until_requested(a, code)
    for agent in ("nobody", "aaaa-aaaa", ""):
        got = a.lanyard("accept", "home", agent)
        assert got.code == 1 and got.err, (agent, got)
    assert a.lanyard("accept", "home", code, "--role", "guest").code == 2
    vault = a.lanyard("accept", "home", code, "--role", "vault")
    assert vault.code == 1 and "not sealed" in vault.err
    assert a.lanyard("reject", "home", "nobody").code == 1
    assert a.lanyard("accept", "home", "b").code == 1  # a member does not ask
    assert len(requests(a)) == 1
    got = d.lanyard("join", "home", "--share", d.home, "--timeout", "1")
    assert got.code == 1 and "home" in got.err
    got = a.lanyard("join", "home", "--share", a.path("x"), "--timeout", "1")
    assert got.code == 1 and "already" in got.err
    a.cli("accept", "home", code.replace("-", "").upper())
    until_member(d)


@pytest.mark.parametrize("words", [[], ["home", "--invite", "x"], ["--invite", "x", "--invite-file", "y"],
                                   ["--invite", "x", "--message", "y"]])
def test_a_join_is_by_one_way(lab, words):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    assert a.lanyard("join", *words).code == 2


@pytest.mark.parametrize("way", ["input", "file"])
def test_a_token_need_not_be_among_the_words(lab, way):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off")
    b.daemon.start("--discovery", "off", "--peer", a.address)
    a.cli("create", "pics", "--share", a.share)
    token, path = a.invite("pics"), b.path("token")
    with open(path, "w") as f:
        f.write("\n  %s \n" % token)
    if way == "file":
        b.cli("join", "--invite-file", path, "--share", b.share)
    else:
        with open(path) as f:
            got = b.run(os.path.join(agents.BUILD, "lanyard"), "--home", b.home, "join", "--invite", "-", "--share", b.share,
                        stdin=f, env=agents.clean_env(b))
        assert got.returncode == 0, got.stderr
    b.wait_peers(1)
    for bad in ("/nonexistent", "/dev/null"):
        got = b.lanyard("join", "--invite-file", bad)
        assert got.code == 1 and bad in got.err, got


def test_it_works_through_avahi_daemon(lab):
    a, b, c, d = hosts = [lab.host(name) for name in "abcd"]
    for host in (a, d):
        host.start_avahi()
    for host in hosts:
        host.daemon.start("--discovery", "auto", "--listen", str(host.port))
    a.cli("create", "home", "--share", a.share)
    for host in (b, c):
        host.cli("join", "--invite", a.invite("home"), "--share", host.share)
    until_seen(d)
    assert d.cli("status")["discovery"] == "avahi" and b.cli("status")["discovery"] == "embedded"
    code = ask(d)
    until_requested(a, code)
    a.cli("accept", "home", code)
    until_member(d)
