"""Sealed groups: a vault that lies to members and floods them, and members that do so to a vault. Both have a membership
and a key of their own; a vault has no keys of the group."""
import hashlib
import os
import struct
import time

import netlab
import pytest
import sealed
import wire
from foe import Foe, Gone, Papers
from meter import Limits, Meter
from namespaces import FACTOR
from papers import Token, signed, tag

GROUP = "pics"
ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_VAULT = 1, 2, 3, 4


class VaultMeter(Meter):
    """The victim is a vault: an honest drop is over when it has one row more."""

    def drop(self):
        with self.lock:
            had, begin = self.victim.status()["vault"]["rows"], time.monotonic()
            name = "honest-%d" % self.number
            self.number += 1
            with open(self.honest.file(name), "wb") as f:
                f.write(os.urandom(300))
            while self.victim.status()["vault"]["rows"] <= had:
                if time.monotonic() - begin > 60 * FACTOR:
                    self.trouble.append("an honest file did not arrive within %d s" % (60 * FACTOR))
                    break
                time.sleep(0.02)
            self.drops.append(time.monotonic() - begin)
            return self.drops[-1]


class SealedScene:
    """a founded a sealed group, b is a member, v an honest vault; on foe's host nothing runs."""

    def __init__(self, lab):
        self.foes = []
        self.a, self.b, self.v, self.foe = lab.host("a"), lab.host("b"), lab.host("v"), lab.host("foe")
        netlab.trees.write(self.a.share, {"hello": b"world", "large": netlab.trees.noise(300000)})
        sealed.start([self.a, self.b, self.v])
        sealed.found(self.a)
        sealed.join(self.b, self.a)
        self.a.wait_peers(1)

    def with_vault(self):
        sealed.vault_joins(self.v, self.a)
        self.a.wait_peers(2)
        self.a.wait_sync(60, peers=2)
        return self

    def papers(self, role):
        papers = Papers(self.foe, self.a, self.a.invite(GROUP, "--role", role))
        # A vault's coming starts a generation, with which every talk opens again.
        netlab.trees.write(self.b.share, {"let in": role.encode()})
        netlab.until("a and b talk again", lambda: os.path.exists(self.a.file("let in")), 40)
        self.a.wait_sync(60)
        return papers

    def up(self, papers, victim, role, epoch=None, **hello):
        """Connected to victim, one of both being a vault: hellos are exchanged."""
        f = Foe(self.foe, victim, papers.key)
        self.foes.append(f)
        f.meet(papers.group)
        f.say(wire.group_open(f.channel, f.theirs, credential=papers.credential))
        f.hear(wire.GROUP_OPEN)
        f.epoch = epoch or int.from_bytes(os.urandom(8), "big")
        f.say(wire.vault(f.channel, wire.VAULT_HELLO, epoch=f.epoch, role=role, **hello))
        while True:
            theirs = wire.fields(f.hear(wire.VAULT))
            if theirs[2] == [wire.VAULT_HELLO]:
                break
        f.their_epoch, f.their_seq = theirs[3][0], (theirs[4] or [0])[0]
        return f

    def vault(self, papers=None, **hello):
        """The attacker is a vault, and connected to a."""
        return self.up(papers or self.papers("vault"), self.a, ROLE_VAULT, **hello)

    def member(self, papers=None, role="member", **hello):
        """The attacker is a member without keys, and connected to v."""
        return self.up(papers or self.papers(role), self.v, ROLE_READER if role == "reader" else ROLE_MEMBER, **hello)

    def attacked(self, what, **limits):
        return Meter(self.a, self.b, what, Limits(**limits))

    def vault_attacked(self, what, **limits):
        return VaultMeter(self.v, self.a, what, Limits(**limits))

    def close(self):
        for f in self.foes:
            f.close()


@pytest.fixture
def scene(lab):
    s = SealedScene(lab)
    yield s
    s.close()


def core(path, versions, generation=1, names=(), deleted=False, form=1, filler=64):
    """A core whose form is good; only who has the keys can see that it opens to nothing."""
    head = struct.pack(">BBQ", form, int(deleted), generation) + path + struct.pack(">H", len(versions))
    head += b"".join(struct.pack(">QQ", *v) for v in sorted(versions))
    head += (b"\1" + struct.pack(">QI", generation, len(names)) + b"".join(sorted(names)) if names else b"\0") + b"\0"
    return head + os.urandom(12) + struct.pack(">I", filler) + os.urandom(filler + 16)


def endorsement(key, group, epoch, number, of):
    """Of one core alone."""
    leaf = hashlib.sha256(b"\0" + struct.pack(">Q", number) + hashlib.sha256(of).digest()).digest()
    signed = b"lanyard endorse 1\0" + group + key.public + struct.pack(">Q", epoch) + leaf
    return b"\1" + key.public + struct.pack(">QQHB", epoch, number, 0, 0) + key.sign(signed)


def pour(f, data, seconds):
    """Says it again and again for so long; how many bytes went."""
    end, sent = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            sent += f.say(data, patience=1)
    except Gone:
        pass
    return sent


def attend(f, seconds):
    """Hears whatever comes, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        f.listen(0.1)


def test_a_vault_s_messages_without_rows_cost_no_memory(scene):
    f = scene.vault(seq=1000)
    later = core(b"p" * 32, [(1, 1)], form=2)
    with scene.attacked("a vault's messages without rows", processor=15):
        # What a later version wrote holds up all behind it.
        f.say(wire.cores(f.channel, 0, 1, [(1, later, b"x")]))
        pour(f, wire.cores(f.channel, 1, 1) * 20000, 5)
    scene.b.wait_sync(60)


def test_a_member_s_messages_without_rows_cost_a_vault_no_memory(scene):
    f = scene.with_vault().member()
    with scene.vault_attacked("a member's messages without rows", processor=15):
        pour(f, wire.cores(f.channel, 0, 0) * 20000, 5)


def test_a_member_that_wants_and_does_not_read(scene):
    f = scene.with_vault().member()
    wants = [(i, 1, 1, os.urandom(32)) for i in range(4096)]
    with scene.vault_attacked("a member wants objects, and does not read", processor=15):
        pour(f, wire.vault(f.channel, wire.VAULT_WANT, wants=wants) * 4, 8)


def test_a_vault_that_wants_what_it_was_never_told(scene):
    f = scene.vault()
    with scene.attacked("a vault wants objects of no row", processor=15):
        for row in (0, 1, 2, 10**6, 2**63 - 1):
            f.say(wire.vault(f.channel, wire.VAULT_WANT, row=row, wants=[(i, 1 + i % 255, i, os.urandom(32)) for i in range(4096)]))
        pour(f, wire.vault(f.channel, wire.VAULT_WANT, row=7, wants=[(i, 1, 1, os.urandom(32)) for i in range(4096)]), 4)


@pytest.mark.slow
def test_a_vault_says_all_kinds_of_nonsense(scene):
    papers = scene.papers("vault")
    first = scene.vault(papers)
    first.close()
    said = [
        lambda f: wire.vault(f.channel, wire.VAULT_BAD, wants=[(i, 1, 1, os.urandom(32)) for i in range(4096)]) * 50,
        lambda f: wire.vault(f.channel, wire.VAULT_CANCEL, requests=range(4096)) * 200,
        lambda f: wire.vault(f.channel, wire.VAULT_STATE, full=True, used=2**63 - 1, quota=2**63 - 1) * 10000,
        lambda f: wire.vault(f.channel, wire.VAULT_ACK, epoch=f.their_epoch, have_seq=2**63 - 1, settled=2**63 - 1) * 10000,
        lambda f: wire.vault(f.channel, wire.VAULT_ACK, epoch=1, have_seq=5, settled=5) * 1000,
        lambda f: wire.vault(f.channel, wire.VAULT_HELLO, epoch=f.epoch, role=1, seq=2**63 - 1) * 2000,
        lambda f: b"".join(wire.vault(f.channel, wire.VAULT_HELLO, epoch=e, have_epoch=f.their_epoch, have_seq=2**63 - 1,
                                      settled=2**63 - 1, role=250) for e in range(1, 500)),
        lambda f: wire.sealed_object(f.channel, 3, os.urandom(1 << 20)) * 20,
        lambda f: wire.sealed_object(f.channel, 3, b"", 1) * 1000,
        lambda f: wire.sealed_object(f.channel, 3, b"", 9),
        lambda f: wire.keys(f.channel, held=range(1024)) * 2000,
        lambda f: wire.keys(f.channel, envelopes=[b"LKE1" + os.urandom(4000)] * 64) * 50,
        lambda f: wire.heads(f.channel, [os.urandom(68 << 10)] * 40) * 10,
        lambda f: wire.cores(f.channel, 0, 500, [(i + 1, os.urandom(500), os.urandom(120)) for i in range(500)]) * 20,
        lambda f: wire.cores(f.channel, 2**62, 2**63 - 1, [(2**63 - 1, core(b"p" * 32, [(1, 1)]), b"\1")]),
        lambda f: wire.cores(f.channel, 0, 1, [(1, b"\1" * (1 << 20), b"\1" * 1024)] * 1) * 60,
        lambda f: wire.frame(wire.SEALED, struct.pack(">IQQ", f.channel, 0, 1) + os.urandom(100)) * 3,
        lambda f: wire.index_hello(f.channel, 5) + wire.news(f.channel, 0, 1, [wire.record("planted", 1, writers=[1], counters=[1])]),
    ]
    with scene.attacked("a vault's nonsense", processor=60, memory=150, drop=8):
        for each in said:
            f = scene.vault(papers)
            try:
                f.say(each(f), patience=1)
                attend(f, 0.5)
            except Gone:
                pass
            f.close()
    scene.b.wait_sync(60)
    assert scene.vault(papers).their_epoch == first.their_epoch, "a vault's word began an epoch"
    assert sorted(p for p in os.listdir(scene.b.share) if not p.startswith(("honest", "."))) == ["hello", "large", "let in"]


def test_an_agent_that_knows_no_sealed_groups_is_told_so(scene):
    token = Token(scene.a.invite(GROUP, "--role", "member"))
    f = Foe(scene.foe, scene.a)
    scene.foes.append(f)
    f.meet(token.group, sealed=False)
    f.say(wire.group_open(f.channel, f.theirs, join=token.request(f.key, f.binding)))
    assert wire.fields(f.hear(wire.GROUP_CLOSE))[2] == [b"this group is sealed: it needs a later version of lanyard"]
    assert len(scene.a.cli("members", "pics")["members"]) == 2


def told_of_one_path(papers, epoch, count, entries=100):
    """Rows of one path of which none knew of another; each needs an object of its own."""
    path = os.urandom(32)
    common = [(1000 + i, 1) for i in range(entries)]
    rows = []
    for n in range(1, count + 1):
        c = core(path, [*common, (10**6 + n, 1)], names=[os.urandom(32)])
        rows.append((n, c, endorsement(papers.key, papers.group, epoch, n, c)))
    return rows


def test_thousands_of_rows_of_one_path_do_not_stop_a_vault(scene):
    scene.with_vault()
    papers, epoch = scene.papers("member"), 77
    rows = told_of_one_path(papers, epoch, 4000)
    f = scene.member(papers, epoch=epoch, seq=len(rows))
    with scene.vault_attacked("rows of one path, none of which knows of another", processor=20, status=1.0):
        for at in range(0, len(rows), 400):
            f.say(wire.cores(f.channel, at, at + 400, rows[at:at + 400]))
        end = time.monotonic() + 8
        while time.monotonic() < end:
            one = f.listen(1)
            if one and one[0] == wire.VAULT:
                m = wire.fields(one[1])
                if m[2] == [wire.VAULT_WANT]:
                    f.say(b"".join(wire.sealed_object(f.channel, wire.fields(w)[1][0], b"", 1) for w in m[13]))


def test_what_a_reader_endorses_is_nobody_s_and_holds_up_nobody(scene):
    scene.with_vault()
    papers, epoch = scene.papers("reader"), 78
    rows = told_of_one_path(papers, epoch, 20, entries=1)
    f = scene.member(papers, role="reader", epoch=epoch, seq=20)
    before = scene.v.status()["vault"]["rows"]
    f.say(wire.cores(f.channel, 0, 20, rows))
    # Nor does its word begin an epoch, after which it would tell all rows from the first.
    f.say(wire.vault(f.channel, wire.VAULT_HELLO, epoch=79, role=ROLE_READER, have_epoch=f.their_epoch, have_seq=2**62))
    f.hear_all(2)
    again = scene.member(papers, role="reader", epoch=80, have_epoch=f.their_epoch, have_seq=2**62, settled=2**62)
    again.hear_all(1)
    assert scene.member(papers, role="reader").their_epoch == f.their_epoch
    assert scene.v.status()["vault"]["rows"] == before
    # By a vault's word neither.
    foe = scene.vault(seq=20)
    foe.say(wire.cores(foe.channel, 0, 20, rows))
    foe.hear_all(2)
    netlab.trees.write(scene.a.share, {"after": b"x"})
    scene.a.wait_sync(60)
    assert not [p for p in os.listdir(scene.b.share) if p not in ("hello", "large", "let in", "after", ".lanyard")]



# What may leave unsealed, on a connection with a sealed group: none of these tells of a file.
OPEN_FRAMES = {wire.HELLO, wire.BYE, wire.PING, wire.PONG, wire.GROUP_OPEN, wire.GROUP_CLOSE, wire.ROSTER, wire.ADDRESSES, wire.REQUESTS,
               wire.KEEP, wire.HERE, wire.KEYS, wire.SEALED, wire.CORES, wire.OBJECT, wire.HEADS, wire.VAULT}
NEEDLE = b"a-needle-of-the-sealed-group"


def plain_of(heard):
    """What of it tells of files: frames that only a group that is not sealed may send, and any with the needle."""
    forms = [NEEDLE, NEEDLE.hex().encode(), NEEDLE.decode().encode("utf-16-le"), hashlib.sha256(NEEDLE * 100).digest()]
    return [(k, p[:80]) for k, p in heard if k not in OPEN_FRAMES or any(form in p for form in forms)]


def plant(scene, number):
    netlab.trees.write(scene.a.share, {NEEDLE + b"-%d" % number: NEEDLE * 100, b"%d/" % number + NEEDLE: NEEDLE * 20000})
    scene.b.wait_sync(60)
    netlab.until("b has it", lambda: os.path.exists(scene.b.file(NEEDLE + b"-%d" % number)), 30)


def test_nothing_plain_leaves_for_one_that_claims_keys_and_is_made_a_vault(scene):
    papers = scene.papers("member")
    f = Foe(scene.foe, scene.a, papers.key).meet(papers.group)
    scene.foes.append(f)
    f.say(wire.group_open(f.channel, f.theirs, credential=papers.credential))
    held = wire.fields(f.hear(wire.KEYS))[2][0]
    plant(scene, 0)
    f.say(wire.frame(wire.KEYS, wire.message((1, f.channel), (2, held))))
    heard = f.heard + f.hear_all(2)
    assert wire.SEALED in [k for k, _ in heard] and not plain_of(heard), plain_of(heard)
    # It is made a vault while it is connected, and files come and go meanwhile.
    foe, = [m["agent"] for m in scene.a.cli("members", GROUP)["members"] if m["agent"] not in (scene.a.id, scene.b.id)]
    scene.a.cli("role", GROUP, foe, "vault")
    plant(scene, 1)
    heard = f.hear_all(2)
    assert not plain_of(heard), plain_of(heard)
    assert not [k for k, _ in heard if k == wire.SEALED], "something was sealed for one that is a vault by now"


def test_nothing_plain_comes_by_another_group_of_the_same_connection(scene):
    netlab.trees.write(scene.a.path("open"), {"public": b"of the open group"})
    scene.a.cli("create", "open", "--share", scene.a.path("open"))
    vault = scene.papers("vault")
    plant(scene, 0)
    member = Papers(scene.foe, scene.a, scene.a.invite("open"), vault.key)
    f = Foe(scene.foe, scene.a, vault.key)
    scene.foes.append(f)
    f.say(wire.hello([tag(g, f.key.id, f.binding) for g in (member.group, vault.group)]))
    tags = wire.fields(f.hear(wire.HELLO))[5]
    theirs = [tags.index(tag(g, f.victim_id, f.binding)) for g in (member.group, vault.group)]
    f.say(wire.group_open(0, theirs[0], credential=member.credential) + wire.group_open(1, theirs[1], credential=vault.credential))
    f.hear(wire.INDEX_HELLO)
    f.say(wire.index_hello(0, 5) + wire.vault(1, wire.VAULT_HELLO, epoch=6, role=ROLE_VAULT))
    content = NEEDLE * 100
    digest = hashlib.sha256(content).digest()
    # To know a digest is not enough, neither in the open group nor in the sealed one.
    for channel in (0, 1):
        f.say(wire.get(channel, len(content), 1, digest, [wire.want(channel + 1, 0, len(content), digest)]) +
              wire.list_get(channel, 9, len(content), 1, digest))
        heard = f.heard + f.hear_all(1.5)
        assert not [p for _, p in heard if NEEDLE in p], heard
    heard = []
    try:
        plant(scene, 1)
        heard = f.hear_all(1.5)
    except Gone:
        pass
    assert not [p for _, p in heard if NEEDLE in p]


@pytest.mark.parametrize("role", ["member", "vault"])
def test_what_is_plain_in_a_sealed_group_is_not_taken(scene, role):
    papers = scene.papers(role)
    f = Foe(scene.foe, scene.a, papers.key).meet(papers.group)
    scene.foes.append(f)
    f.say(wire.group_open(f.channel, f.theirs, credential=papers.credential))
    f.hear(wire.KEYS)
    planted = wire.record("planted", 1, size=5, nblocks=1, root=hashlib.sha256(b"hello").digest(), writers=[5], counters=[1],
                          by=papers.key.short, content=b"hello")
    f.say(wire.index_hello(f.channel, 5) + wire.news(f.channel, 0, 1, [planted]) + wire.coming(f.channel, 1, b"planted") +
          wire.list_get(f.channel, 1, 5, 1, hashlib.sha256(b"hello").digest()))
    heard = f.hear_all(2)
    assert not plain_of(heard), plain_of(heard)
    assert not os.path.exists(scene.a.file("planted"))
    scene.b.wait_sync(60)


def rows_of(f, number):
    """That many rows, as (core, endorsement), which the member that f is connected to tells it; f settles none."""
    found = []
    for k, p in f.heard:
        found += cores_of(p) if k == wire.CORES else []
    while len(found) < number:
        found += cores_of(f.hear(wire.CORES))
    return found


def cores_of(payload):
    return [(c[2][0], c[3][0]) for c in map(wire.fields, wire.fields(payload)[4])]


def numbered(rows):
    return [(n + 1, bytes(c), bytes(e)) for n, (c, e) in enumerate(rows)]


def test_a_vault_that_tells_rows_and_gives_nothing_keeps_nobody_from_getting_them(scene):
    papers = scene.papers("vault")
    scene.b.wait_sync(60)
    scene.b.daemon.stop()
    f = scene.vault(papers)
    rows_of(f, 3)
    netlab.trees.write(scene.a.share, {"new": b"n" * 100, "new large": netlab.trees.noise(3 << 20)})
    rows = rows_of(f, 2)
    scene.a.daemon.stop()
    scene.b.daemon.start()
    f = scene.up(papers, scene.b, ROLE_VAULT, seq=len(rows))
    f.say(wire.cores(f.channel, 0, len(rows), numbered(rows)))
    while wire.fields(f.hear(wire.VAULT))[2] != [wire.VAULT_WANT]:
        pass
    assert not scene.b.status()["in_sync"]
    scene.a.daemon.start()
    netlab.until("b has both: %s" % scene.b.status(), lambda: scene.b.file("new large") and os.path.exists(scene.b.file("new large")) and
                 os.path.exists(scene.b.file("new")), 60)


def test_a_vault_that_gives_garbage_is_named_and_nothing_is_lost(scene):
    papers = scene.papers("vault")
    scene.b.wait_sync(60)
    scene.b.daemon.stop()
    f = scene.vault(papers)
    rows_of(f, 3)
    netlab.trees.write(scene.a.share, {"new large": netlab.trees.noise(3 << 20)})
    rows = rows_of(f, 1)
    scene.a.daemon.stop()
    scene.b.daemon.start()
    f = scene.up(papers, scene.b, ROLE_VAULT, seq=len(rows))
    f.say(wire.cores(f.channel, 0, len(rows), numbered(rows)))
    given, end = 0, time.monotonic() + 4
    while time.monotonic() < end:
        one = f.listen(1)
        m = wire.fields(one[1]) if one and one[0] == wire.VAULT else {2: []}
        if m[2] == [wire.VAULT_WANT]:
            for w in map(wire.fields, m[13]):
                head = struct.pack(">BBQ", 1, w[2][0], w[3][0]) + w[4][0] + struct.pack(">I", 0)
                f.say(wire.sealed_object(f.channel, w[1][0], head + os.urandom(12 + 4096 + 16)))
                given += 1
    assert given and not os.path.exists(scene.b.file("new large"))
    said, = [v for v in scene.b.status()["vaults"] if v["altered"]]
    assert said["altered"] >= 1, said
    scene.a.daemon.start()
    netlab.until("b has it: %s" % scene.b.status(), lambda: os.path.exists(scene.b.file("new large")), 60)


def test_a_vault_that_gives_older_rows_and_hides_a_deletion_brings_nothing_back(scene):
    papers = scene.papers("vault")
    f = scene.vault(papers)
    netlab.trees.write(scene.a.share, {"changed": b"first", "gone": b"first"})
    scene.b.wait_sync(60)
    netlab.until("b has both", lambda: os.path.exists(scene.b.file("gone")), 30)
    rows = rows_of(f, 5)
    netlab.trees.write(scene.a.share, {"changed": b"second, and longer"})
    os.unlink(scene.a.file("gone"))
    netlab.until("b heard of it", lambda: not os.path.exists(scene.b.file("gone")) and scene.b.read("changed")[:6] == b"second", 30)
    scene.a.daemon.stop()
    f = scene.up(papers, scene.b, ROLE_VAULT, seq=len(rows))
    # Twice, the second time by other numbers and another epoch.
    f.say(wire.cores(f.channel, 0, len(rows), numbered(rows)))
    f.hear_all(2)
    f.close()
    f = scene.up(papers, scene.b, ROLE_VAULT, seq=len(rows))
    f.say(wire.cores(f.channel, 0, len(rows), numbered(rows[::-1])))
    f.hear_all(2)
    assert not os.path.exists(scene.b.file("gone")) and scene.b.read("changed") == b"second, and longer"
    scene.a.daemon.start()
    for host in (scene.a, scene.b):
        netlab.until("they are as they were", lambda: not os.path.exists(host.file("gone")) and host.read("changed")[:6] == b"second", 30)
    assert not [e for e in os.listdir(scene.a.share) if "conflict" in e]


GEN, BOX = 8, 9


def generation(key, group, number, parents, ancestors, exits=(), suite=1, policy=0):
    """ancestors: (ID, commitment) of each."""
    body = bytes([2, GEN]) + group + struct.pack(">QIBB", 1_800_000_000, number, suite, policy) + os.urandom(32)
    body += hashlib.sha256(b"".join(i + c for i, c in sorted(ancestors))).digest()
    body += bytes([len(parents)]) + b"".join(sorted(parents)) + bytes([len(exits)]) + b"".join(sorted(exits))
    return signed(key, body)


def box(key, group, when):
    return signed(key, bytes([2, BOX]) + group + struct.pack(">Q", when) + os.urandom(32))


def test_floods_of_generations_and_box_keys_stop_nothing(scene):
    papers = scene.papers("member")
    entries = Foe(scene.foe, scene.a, papers.key).join(papers.token)
    gens = [e for e in entries if e[1] == GEN]
    assert gens
    parent = hashlib.sha256(gens[-1]).digest()
    at = 2 + 32 + 8 + 4 + 2
    ancestors = [(hashlib.sha256(e).digest()[:8], e[at:at + 32]) for e in gens]
    f = Foe(scene.foe, scene.a, papers.key).meet(papers.group)
    scene.foes.append(f)
    f.say(wire.group_open(f.channel, f.theirs, credential=papers.credential))
    f.hear(wire.KEYS)
    with scene.attacked("generations and box keys of one member", processor=30, drop=8):
        for at in range(40):
            said = [generation(papers.key, papers.group, 1 + len(gens), [parent], ancestors, [os.urandom(32) for _ in range(at % 30)],
                               suite=1 + at % 3) for _ in range(50)]
            said += [generation(papers.key, papers.group, 2**32 - 1, [os.urandom(32) for _ in range(8)], ancestors) for _ in range(20)]
            said += [box(papers.key, papers.group, 1_800_000_000 + 100 * at + i) for i in range(30)]
            try:
                f.say(wire.roster(f.channel, said), patience=2)
            except Gone:
                f = Foe(scene.foe, scene.a, papers.key).meet(papers.group)
                scene.foes.append(f)
                f.say(wire.group_open(f.channel, f.theirs, credential=papers.credential))
        try:
            attend(f, 5)
        except Gone:
            pass
    scene.a.wait_sync(60)
    # What was signed without a reason begins nothing, and whoever signed it can be removed.
    scene.a.cli("remove", GROUP, next(m["agent"] for m in scene.a.cli("members", GROUP)["members"]
                                      if m["agent"] not in (scene.a.id, scene.b.id)))
    netlab.trees.write(scene.a.share, {"behind the flood": b"x"})
    netlab.until("b has it: %s" % scene.b.status(), lambda: os.path.exists(scene.b.file("behind the flood")), 60)
