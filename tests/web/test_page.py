"""The page in a real browser, with real agents: what a user does there happens, and what happens is shown."""
import contextlib
import glob
import os
import shlex
import sqlite3
import struct
import time
import zlib

import pytest
from selenium.webdriver.common.keys import Keys

import agents
import browser
import netlab
from netlab import trees

pytestmark = pytest.mark.seconds(300)

XSS = "<img src=x onerror=document.title='broken'>"


def alone(lab, *names, surname=""):
    """Hosts whose agents run and know each other's addresses; the first one has the page. surname: is added to their names."""
    hosts = [lab.host(n) for n in names]
    for h in hosts:
        if surname:
            os.makedirs(h.home, 0o700)
            with open(os.path.join(h.home, "lanyard.conf"), "w", encoding="utf-8") as f:
                f.write("[agent]\nname = %s%s\n" % (h.name, surname))
        more = ("--web", browser.WEB) if h is hosts[0] else ()
        h.daemon.start(*agents.start_flags(h, hosts, "off"), *more)
    return hosts


def together(lab, names="ab", files=None, group="pics", surname=""):
    """The same in a group, with files."""
    hosts = alone(lab, *names, surname=surname)
    first, *others = hosts
    first.cli("create", group, "--share", first.share)
    token = first.invite(group) if others else None
    for h in others:
        h.cli("join", "--invite", token, "--share", h.share)
    for h in hosts:
        h.wait_peers(len(others))
    trees.write(first.share, files or {})
    netlab.settle(hosts)
    return hosts


def goes_at_once(host, folder):
    """A folder leaves the share in one step: files that are removed one by one may be few enough at a time not to be held."""
    os.rename(host.file(folder), host.path("gone " + folder))


def test_log_in_with_the_password(lab, browse):
    a = lab.host("a")
    with open(a.path("lanyard.conf"), "w", encoding="utf-8") as f:
        f.write("[agent]\ndiscovery = off\nweb = 0.0.0.0:4171\nweb-remote = yes\n")
    with open(a.path("password"), "w", encoding="utf-8") as f:
        f.write("correct horse\n")
    a.daemon.start("--config", a.path("lanyard.conf"))
    a.cli("web", "--password-file", a.path("password"))
    a.cli("create", "pics", "--share", a.share)
    page = browse(a, at="https://127.0.0.1:4171/")
    page.type("#password", "wrong horse")
    page.click("button", "Log in")
    page.see("#said", "this is not the password")
    page.pictures("login")
    page.type("#password", "correct horse")
    page.click("button", "Log in")
    page.see("h2", "pics")
    assert page.complaints() == []
    # It stays in until its session ends, and then comes in again by the same way.
    page.driver.refresh()
    page.see("h2", "pics")
    a.cli("web", "--revoke")
    page.click("a", "Log in with the password")
    page.type("#password", "correct horse")
    page.click("button", "Log in")
    page.see("h2", "pics")
    # Logged out by the keyboard: in each tab, and with nothing left in the browser that the agent would take.
    cookie, = page.driver.get_cookies()
    token = page.run("return localStorage.getItem('token')")
    tab = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.driver.get("https://127.0.0.1:4171/")
    page.see("h2", "pics")
    out = page.see("#foot button", "Log out")
    page.run("arguments[0].focus()", out)
    out.send_keys(Keys.ENTER)
    page.see("button", "Log in")
    page.driver.switch_to.window(tab)
    page.see("a", "Log in with the password")
    assert page.driver.get_cookies() == [] and page.run("return localStorage.length") == 0
    page.driver.add_cookie(cookie)
    asked = "fetch('/v1/status', { headers: { 'X-Lanyard-Token': arguments[0] } }).then((r) => arguments[1](r.status))"
    assert page.driver.execute_async_script(asked, token) == 401
    assert page.complaints() == []


def test_found_a_group_invite_and_see_a_file_arrive(lab, browse):
    a, b = alone(lab, "a", "b")
    page = browse(a)
    page.see("h1", "No group yet")
    page.go("join")
    page.type("#found-name", "pics")
    page.type("#found-share", a.share)
    page.click("button", "Found it")
    page.click("button", "Make an invite")
    token = page.see("#token").get_attribute("value")
    assert page.qr("dialog canvas.qr") == token
    page.pictures("invite")
    page.click("dialog button.close")
    b.cli("join", "--invite", token, "--share", b.share)
    page.see("h2", "2 members of pics")
    page.go("")
    page.see(".hero h1", "Everything is everywhere")
    trees.write(b.share, {"from b.txt": b"hello", XSS + ".txt": b"x"})
    netlab.until("the file is at a", lambda: os.path.exists(a.file("from b.txt")), 30)
    page.go("files")
    page.see(".files tbody th", "from b.txt")
    page.see(".files tbody th", XSS)
    page.go("activity")
    page.see(".log", "came")
    b.daemon.stop()
    page.go("")
    page.see(".group .why", "1 of 2 members in sync; b away since")
    page.see(".hero.away h1", "Not everything is everywhere")
    page.pictures("overview")
    # One that is not a member any more is still called by its name.
    a.cli("remove", "pics", "b")
    page.go("members")
    page.see("h2", "1 member of pics")
    page.go("activity")
    page.see(".log", "member removed")
    assert "b" == page.run("return [...document.querySelectorAll('.log li')].find((l) => l.textContent.includes('member removed'))"
                           ".querySelector('strong').textContent")
    assert page.complaints() == [] and page.driver.title != "broken"


def test_a_file_leads_to_the_page_and_goes(lab, browse, tmp_path):
    a, = alone(lab, "a")
    page = browse(a)
    page.driver.delete_all_cookies()
    page.run("localStorage.clear(); sessionStorage.clear();")
    path = page.enter_by_file(str(tmp_path))
    page.see("h1", "No group yet")
    netlab.until("the file is gone", lambda: not os.path.exists(path), 30)
    assert page.complaints() == []


# Which of the members' colors the map has: the number of points of each.
COLORS = """const canvas = document.querySelector("canvas.map");
if (!canvas) return [0];
const style = getComputedStyle(canvas);
const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
const count = (r, g, b) => { let n = 0; for (let i = 0; i < all.length; i += 4) n += all[i] === r && all[i + 1] === g && all[i + 2] === b; return n; };
return arguments[0].map((name) => count(...style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi).map((x) => parseInt(x, 16))));"""


def test_a_transfer_is_shown_with_its_graph_and_pieces_of_several_members(lab, browse):
    a, b, c = together(lab, "abc")
    page = browse(a)
    page.go("transfers")
    page.see("h2", "Nothing is coming here")
    a.cli("pause", "pics")
    trees.noise_file(b.file("film.mkv"), 24 << 20)
    netlab.settle([b, c], timeout=60, peers=[1, 1])
    for h in (b, c):
        h.limit("2mbit")
    a.cli("resume", "pics")
    page.see(".transfer", "film.mkv")
    page.click(".transfer button", "Pieces")
    page.see(".legend li", "b: has 100 %")
    page.see(".legend li", "c: has 100 %")
    # Blocks are on their way from both at a time, each in its member's color; the member's place in the legend has the same.
    netlab.until(lambda: "the map has the colors of b and c: %s" % page.text(), lambda: all(page.run(COLORS, ["--p0", "--p1"])), 60)
    assert page.driver.find_elements("css selector", ".legend .swatch.p0, .legend .swatch.p1")
    map_said = page.see("canvas.map").get_attribute("aria-label")
    assert "from 2 members" in map_said
    netlab.until("the map moves", lambda: page.see("canvas.map").get_attribute("aria-label") != map_said, 60)
    # Something was drawn that is not the ground: the line of what comes rises above zero.
    netlab.until("the graph shows a rate", lambda: page.run(
        "const c = document.querySelector('canvas.graph'); return /receiving [1-9]/.test(c.getAttribute('aria-label'))"), 60)
    page.pictures("transfers")
    page.go("")
    page.see(".group .facts", "receiving")
    page.go("transfers")
    for h in (b, c):
        h.limit("1gbit")
    netlab.settle([a, b, c], timeout=60)
    page.see("h2", "Nothing is coming here")
    page.see("section", "Came lately")
    assert page.complaints() == []


def test_accept_a_request(lab, browse):
    a = lab.host("a")
    b = lab.host("b")
    a.daemon.start("--discovery", "embedded", "--web", browser.WEB)
    b.daemon.start("--discovery", "embedded")
    a.cli("create", "pics", "--share", a.share)
    page = browse(a)
    page.see("h2", "pics")
    netlab.until("b sees the group", lambda: any(g["group"] == "pics" for g in b.cli("groups")["seen"]), 60)
    b.popen(os.path.join(agents.BUILD, "lanyard"), "--home", b.home, "join", "pics", "--share", b.share, "--message", XSS)
    page.go("attention")
    page.see(".request", XSS)
    asked, = b.cli("status")["asked"]
    assert page.see(".request .code").text == asked["code"]
    page.pictures("request")
    page.click(".request button", "Accept")
    netlab.until("b is in the group", lambda: b.cli("status")["groups"], 60)
    b.wait_sync(timeout=60, peers=1)
    page.see(".calm", "Nothing waits for you")
    assert page.complaints() == []


def test_a_vault_of_a_sealed_group(lab, browse):
    """Accepted as one, made one of a member; and what leaving means is said first."""
    desk, nas, old = [lab.host(n) for n in ("desk", "nas", "old")]
    for h in (desk, nas, old):
        h.daemon.start("--discovery", "embedded", *(("--web", browser.WEB) if h is desk else ()))
    desk.cli("create", "books", "--share", desk.share, "--sealed")
    old.cli("join", "--invite", desk.invite("books"), "--share", old.share)
    page = browse(desk)
    netlab.until("nas sees the group", lambda: any(g["group"] == "books" for g in nas.cli("groups")["seen"]), 60)
    nas.popen(os.path.join(agents.BUILD, "lanyard"), "--home", nas.home, "join", "books", "--share", nas.share)
    page.go("attention")
    page.click(".request button", "Accept as vault")
    netlab.until("nas is a vault", lambda: [g["role"] for g in nas.cli("status")["groups"]] == ["vault"], 60)
    page.go("members")
    page.see(".item", "old")
    member = old.agent_id()
    page.run("const s = document.getElementById('role-' + arguments[0]); s.value = 'vault'; s.dispatchEvent(new Event('change'));", member)
    page.see("dialog", "stores what it cannot read")
    page.pictures("vault")
    page.click("dialog button", "Make vault")
    netlab.until("old is a vault", lambda: {m["name"]: m["role"] for m in desk.cli("members", "books")["members"]}.get("old") == "vault", 60)
    page.click("button", "Leave the group")
    page.see("dialog", "Kept versions of older files are deleted")
    page.see("dialog", "the only owner")
    assert page.complaints() == []


def png(width, height, color):
    """A picture of one color."""
    rows = (b"\0" + bytes(color) * width) * height
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)


def test_settle_conflicts(lab, browse):
    """Of a text and of a picture. The agent, the group, the picture, and so its conflict copy, have a name that is markup."""
    photo, mine, theirs = XSS + ".png", png(300, 200, (200, 60, 40)), png(240, 320, (40, 90, 200))
    a, b = together(lab, files={"list.txt": b"milk\nbread\n", photo: png(1, 1, (0, 0, 0))}, group=XSS, surname=XSS)
    page = browse(a)
    netlab.apart(a, b, lambda: trees.write(a.share, {"list.txt": b"milk\nbread\ntea\n", photo: mine}),
                 lambda: trees.write(b.share, {"list.txt": b"oat milk\nbread\n", photo: theirs}))
    page.go("attention")
    page.see(".item", photo)
    page.click(".item a[href*='/list.conflict']", "Compare")
    page.see(".diff .del, .diff .ins", "tea")
    page.see(".diff .del, .diff .ins", "oat milk")
    page.pictures("conflict")
    page.click(".card button", "Keep mine")
    page.gone(".item", "list.txt")
    page.click(".item a", "Compare")
    netlab.until("both pictures are shown", lambda: sorted(page.run(
        "return [...document.querySelectorAll('.sides img')].map((i) => i.naturalWidth)")) == [240, 300], browser.PATIENCE)
    page.see(".pair dd", "b" + XSS)
    page.pictures("conflict-pictures")
    page.click(".card button", "Keep theirs")
    page.see(".calm", "Nothing waits for you")
    tree = netlab.settle([a, b])
    assert set(tree) == {b"list.txt", photo.encode()}
    assert b.read("list.txt") == b"milk\nbread\ntea\n" and a.read(photo) == theirs
    for view in ("", "transfers", "files", "members", "activity", "agent"):
        page.go(view)
        page.see("h1, h2")
    assert page.complaints() == [] and page.driver.title != "broken"


def test_groups_of_one_name_are_told_apart(lab, browse):
    """Two people have founded a group home each. What is done goes to the one it is about, whichever comes first."""
    a, b = alone(lab, "a", "b")
    shares = {}
    made = {h: h.cli("create", "home", "--share", h.path("home of " + h.name)) for h in (a, b)}
    for founder, other in ((b, a), (a, b)):
        other.cli("join", "--invite", founder.invite(made[founder]["id"]), "--share", other.path("home of " + founder.name))
        shares[made[founder]["id"]] = [h.path("home of " + founder.name) for h in (a, b)]
    a.wait_peers(1)
    for id_, (at_a, at_b) in shares.items():
        trees.write(at_a, {"%d.txt" % i: b"first" for i in range(3)})
    for id_ in shares:
        for h in (a, b):
            h.wait_sync(60, 1, id_)
    for id_, (at_a, at_b) in shares.items():
        netlab.apart(a, b, lambda: trees.write(at_a, {"%d.txt" % i: b"of a" for i in range(3)}),
                     lambda: trees.write(at_b, {"%d.txt" % i: b"of b" for i in range(3)}))
    netlab.until("a has all conflicts", lambda: len(a.cli("conflicts")["conflicts"]) == 6, 60)
    page = browse(a)
    page.go("attention")
    page.see(".item", "0.txt")
    # Many at once: all of one group.
    kept, settled = [g["id"] for g in a.cli("status")["groups"]]
    for i in range(3):
        page.click(".item:has(a[href^='#/conflicts/%s']) input:not(:checked)" % settled)
        page.see("header .muted", "%d chosen" % (i + 1))
    page.click("header .actions button", "Keep theirs")
    page.see("dialog", "Settle 3 conflicts?")
    page.click("dialog button", "Settle")
    page.see(".message", "Settled 3 conflicts")
    netlab.until("those of one group are gone", lambda: {c["group_id"] for c in a.cli("conflicts")["conflicts"]} == {kept}, 60)
    assert len(a.cli("conflicts")["conflicts"]) == 3
    for i in range(3):
        with open(os.path.join(shares[settled][0], "%d.txt" % i), "rb") as f:
            assert f.read() == b"of b"
    assert page.complaints() == []


def test_ask_to_join_and_keep_what_is_chosen(lab, browse):
    """All by the page of who asks: the request, its code, on demand, get and drop, unshare and share; a version goes elsewhere."""
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "embedded", "--web", browser.WEB)
    b.daemon.start("--discovery", "embedded")
    b.cli("create", "pics", "--share", b.share)
    trees.write(b.share, {"one.txt": b"1", "two.txt": b"2"})
    page = browse(a)
    page.go("join")
    netlab.until("a sees the group", lambda: page.click("button", "Look again") or "pics" in page.text(), 60)
    page.click(".item summary", "Ask to join")
    page.type("#seen-0-share", a.share)
    page.type("#seen-0-message", "let me in")
    page.click(".item button", "Ask")
    netlab.until("b is asked", lambda: b.cli("requests")["requests"], 60)
    request, = b.cli("requests")["requests"]
    assert request["message"] == "let me in"
    page.see(".code", request["code"])
    b.cli("accept", "pics", request["code"])
    page.go("")
    page.see(".group h2", "pics", timeout=60)
    netlab.until("a has the files", lambda: os.path.exists(a.file("two.txt")), 60)
    page.go("members")
    page.click("button", "Keep what is chosen")
    page.see(".message", "Nothing more comes")
    page.go("files")
    page.click("button[aria-label='Actions for one.txt']")
    page.click(".details button", "Drop")
    page.see(".message", "Dropped 1")
    netlab.until("it is dropped", lambda: not os.path.exists(a.file("one.txt")), 30)
    assert b.read("one.txt") == b"1"
    page.see(".stand", "not here")
    trees.write(b.share, {"unseen.txt": b"of b"})
    page.see("tbody", "unseen.txt")
    assert not os.path.exists(a.file("unseen.txt"))
    page.click(".details button", "Get")
    netlab.until("it is back", lambda: os.path.exists(a.file("one.txt")), 30)
    page.click(".details button", "Unshare")
    page.click("dialog button", "Unshare")
    page.see(".stand", "only here, not shared")
    page.click(".details button", "Share")
    page.see(".message", "Shared again")
    # What b replaces is a version here, and is put elsewhere.
    trees.write(b.share, {"two.txt": b"another"})
    netlab.until("it has come", lambda: a.read("two.txt") == b"another", 30)
    page.see("tbody", "two.txt")
    page.type("#gone", "two.txt")
    # What is being written stays while the list is read again.
    trees.write(a.share, {"three.txt": b"3"})
    page.see("tbody", "three.txt")
    assert page.run("return document.querySelector('#gone').value") == "two.txt"
    page.click(".inline button", "Show")
    page.click(".timeline summary", "Elsewhere")
    page.type(".timeline input[name=to]", "old/two.txt")
    page.click(".timeline button", "Restore there")
    netlab.until("the version is elsewhere at b", lambda: os.path.exists(b.file("old/two.txt")), 30)
    assert b.read("old/two.txt") == b"2" and b.read("two.txt") == b"another"
    assert page.complaints() == []


def test_release_held_deletions_and_restore_a_version(lab, browse):
    a, b = together(lab, files={"trip/%02d.jpg" % i: b"picture %d" % i for i in range(40)})
    page = browse(a)
    goes_at_once(b, "trip")
    netlab.until("b holds the deletions", lambda: b.status()["held"] > 0, 30)
    b.cli("release", "pics")
    page.see(".group .why", "last in sync")
    page.go("attention")
    page.see(".hold", "deleted, replaced or emptied at once by b")
    page.click(".hold summary", "trip/")
    page.see(".hold li", "07.jpg")
    page.pictures("held")
    assert os.path.exists(a.file("trip/07.jpg"))
    page.click(".hold button", "Release")
    page.click("dialog button", "Release")
    page.gone(".hold")
    netlab.until("the files are gone", lambda: not os.path.exists(a.file("trip/07.jpg")), 30)
    page.go("files")
    page.type("#gone", "trip/07.jpg")
    page.click(".inline button", "Show")
    page.pictures("versions")
    page.click(".timeline button", "Restore")
    netlab.until("the version is back at b", lambda: os.path.exists(b.file("trip/07.jpg")), 30)
    assert a.read("trip/07.jpg") == b.read("trip/07.jpg") == b"picture 7"
    assert page.complaints() == []


def test_the_copied_commands_put_back_what_disappeared(lab, browse):
    a, b = together(lab, files={"%s/%02d.jpg" % (d, i): b"picture %d" % i for i in range(20) for d in ("trip", "-odd name")})
    page = browse(a)
    goes_at_once(a, "trip")
    goes_at_once(a, "-odd name")
    netlab.until("a holds the deletions", lambda: a.status()["held"] > 0, 30)
    page.go("attention")
    page.see(".hold", "disappeared here at once")
    page.run("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); };")
    page.click(".hold button", "put them back")
    commands = page.run("return window.copied;").splitlines()
    assert len(commands) == 2
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "lanyard" and a.lanyard(*words).code == 0, command
    assert all(a.read("%s/%02d.jpg" % (d, i)) == b"picture %d" % i for i in range(20) for d in ("trip", "-odd name"))
    assert page.complaints() == []


def test_settings_are_shown_and_the_doctor_looks(lab, browse):
    a = lab.host("a")
    os.makedirs(a.home, 0o700)
    conf = os.path.join(a.home, "lanyard.conf")
    with open(conf, "w") as f:
        f.write("[agent]\nmemory = 64M\nweb-name = %s.example\n" % ("n" * 100))
    a.daemon.start("--discovery", "off", "--web", browser.WEB)
    page = browse(a)
    page.go("agent")
    page.see(".settings tr", conf + ":2")
    rows = [" ".join(r.text.split()) for r in page.driver.find_elements("css selector", ".settings tbody tr")]
    assert "memory 64M %s:2" % conf in rows and "web %s the command line" % browser.WEB in rows
    assert any(r.startswith("upload-limit default accepts off, or bytes per second") for r in rows)
    os.chmod(a.home, 0o755)
    page.click("button", "Examine this machine")
    page.see(".findings li .pill.bad", "wrong")
    assert page.see(".findings li code").text == "chmod 700 " + a.home
    page.pictures("settings")
    assert page.complaints() == []


DROP = """const data = new DataTransfer();
for (const [name, text] of arguments[1]) data.items.add(new File([text], name, { lastModified: 1500000000000 }));
for (const type of ["dragover", "drop"])
    document.querySelector(arguments[0]).dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));"""


def test_upload_by_a_button_and_by_dropping(lab, browse, tmp_path):
    a, b = together(lab, files={"trip/list.txt": b"old"})
    page = browse(a)
    page.go("files")
    page.click(".files tbody th a", "trip")
    page.see(".files tbody th", "list.txt")
    card, button = "section[aria-label='Files of pics']", "Upload files …"
    # The button, by the keyboard.
    film = tmp_path / "film \\ <b>.mkv"
    film.write_bytes(os.urandom(3 << 20))
    assert page.run("document.querySelector(arguments[0]).focus(); return document.activeElement.textContent", card + " .actions button") == button
    page.driver.find_element("css selector", "#upload-files").send_keys(str(film))
    page.see(".message", "Uploaded 1 file")
    page.see(".files tbody th", film.name)
    netlab.settle([a, b], timeout=60)
    assert b.read("trip/" + film.name) == film.read_bytes()
    # Dropped: one that is new, and one whose name is taken.
    page.run(DROP, card, [["list.txt", "new"], [XSS + ".txt", "1"]])
    page.see("dialog h2", "list.txt is there already")
    page.pictures("upload")
    page.click("dialog button", "Keep both")
    page.see(".message", "Uploaded 2 files")
    page.see(".files tbody th", "list (2).txt")
    page.see(".files tbody th", XSS)
    assert int(os.stat(a.file("trip/list (2).txt")).st_mtime) == 1500000000
    page.run(DROP, card, [["list.txt", "newer"]])
    page.click("dialog button", "Replace")
    netlab.until("it is replaced", lambda: a.read("trip/list.txt") == b"newer", 30)
    netlab.settle([a, b], timeout=60)
    assert (b.read("trip/list.txt"), b.read("trip/list (2).txt")) == (b"newer", b"new")
    # Where it may not write, nothing can be dropped, and the page says why.
    with open(a.file(".lanyardignore"), "w") as f:
        f.write("*.tmp\n")
    netlab.until("the rules are known", lambda: a.lanyard("files", "pics").code == 0, 30)
    page.run(DROP, card, [["x.part", "1"], ["", "1"]])
    page.see(".message.error", "path")
    assert page.complaints() == [] and page.driver.title != "broken"


def test_since_when_a_connected_member_lacks_a_file(lab, browse):
    a, = together(lab, "a")
    b = lab.host("b")
    lab.tmpfs(b.share, "8m")
    b.daemon.start(*agents.start_flags(b, [a, b], "off"))
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    a.wait_peers(1)
    trees.write(a.share, {"too-big": trees.noise(20 << 20)})
    netlab.until("b says so", lambda: b.problems(), 30)
    # As if it had been so since the day before yesterday.
    a.daemon.stop()
    index, = glob.glob(os.path.join(a.home, "groups", "*", "index.db"))
    with contextlib.closing(sqlite3.connect(index)) as db:
        assert db.execute("UPDATE meta SET value = value - 172800 WHERE name GLOB 'behind-*'").rowcount == 1
        db.commit()
    a.daemon.start()
    a.wait_peers(1)
    page = browse(a)
    page.see(".members .pill", time.strftime("lacks 1 file since %A ", time.localtime(time.time() - 172800)))
    page.click(".members button.link", "What helps")
    page.see("dialog", "does not take them")
    page.see("dialog", "lanyard status")
    page.click("dialog button.close")
    lab.remount(b.share, size="64m")
    page.see(".hero h1", "Everything is everywhere", 60)
    assert page.complaints() == []


def test_the_picture_in_the_readme(lab, browse):
    desk, laptop, nas = alone(lab, "desk", "laptop", "nas")
    for group, others in (("photos", (laptop, nas)), ("music", (laptop,))):
        desk.cli("create", group, "--share", desk.path(group))
        token = desk.invite(group)
        for h in others:
            h.cli("join", "--invite", token, "--share", h.path(group))
        trees.write(desk.path(group), {"2026/%03d" % i: b"%d" % i * 3000 for i in range(120 + 40 * len(others))})
        desk.lanyard("wait", group, "--peers", str(len(others)), "--timeout", "60")
    nas.daemon.stop()
    page = browse(desk)
    page.see(".group .why", "2 of 3 members in sync; nas away since")
    page.see(".hero.away h1", "Not everything is everywhere")
    page.look(1100, 520)
    assert page.run(browser.WIDE) == []
    picture = os.path.join(browser.PICTURES, "readme.png")
    os.makedirs(browser.PICTURES, exist_ok=True)
    page.driver.save_screenshot(picture)
    assert os.path.getsize(picture) < 80000
    assert page.complaints() == []


@pytest.mark.skipif(not browser.AXE, reason="LANYARD_AXE names no axe.min.js (npm pack axe-core)")
def test_axe_finds_nothing_wrong(lab, browse):
    """In each view; what the other tests keep pictures of, dialogs among it, is checked there."""
    a, b = together(lab, files={"doc.txt": b"x", "dir/doc": b"y"})
    page = browse(a)
    for view in ("", "transfers", "attention", "files", "members", "join", "activity", "agent"):
        page.go(view)
        for scheme in ("light", "dark"):
            page.look(1600 if scheme == "light" else 400, 1000, scheme)
            found = page.axe()
            assert found == [], (view, scheme, found)
        page.look()
    page.driver.delete_all_cookies()
    page.driver.refresh()
    page.see("p", "lanyard web")
    assert page.axe() == []
