"""The page in a real browser, with real agents: what a user does there happens, and what happens is shown."""
import os
import shlex

import pytest

import agents
import browser
import netlab
from netlab import trees

pytestmark = pytest.mark.seconds(300)

XSS = "<img src=x onerror=document.title='broken'>"


def alone(lab, *names):
    """Hosts whose agents run and know each other's addresses; the first one has the page."""
    hosts = [lab.host(n) for n in names]
    for h in hosts:
        more = ("--web", browser.WEB) if h is hosts[0] else ()
        h.daemon.start(*agents.start_flags(h, hosts, "off"), *more)
    return hosts


def together(lab, names="ab", files=None):
    """The same in a group, with files."""
    hosts = alone(lab, *names)
    first, *others = hosts
    first.cli("create", "pics", "--share", first.share)
    token = first.invite("pics") if others else None
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


def test_a_transfer_is_shown_with_its_graph(lab, browse):
    a, b = together(lab)
    page = browse(a)
    b.limit("8mbit")
    page.go("transfers")
    page.see("h2", "Nothing is coming here")
    trees.noise_file(b.file("film.mkv"), 24 << 20)
    page.see(".transfer", "film.mkv")
    page.click(".transfer button", "Pieces")
    page.see(".transfer canvas.map, .transfer .muted")
    # Something was drawn that is not the ground: the line of what comes rises above zero.
    netlab.until("the graph shows a rate", lambda: page.run(
        "const c = document.querySelector('canvas.graph'); return /receiving [1-9]/.test(c.getAttribute('aria-label'))"), 60)
    page.pictures("transfers")
    b.limit("1gbit")
    netlab.settle([a, b], timeout=60)
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


def test_settle_a_conflict(lab, browse):
    a, b = together(lab, files={"list.txt": b"milk\nbread\n"})
    page = browse(a)
    netlab.apart(a, b, lambda: trees.write(a.share, {"list.txt": b"milk\nbread\ntea\n"}),
                 lambda: trees.write(b.share, {"list.txt": b"oat milk\nbread\n"}))
    page.go("attention")
    page.click(".item a", "Compare")
    page.see(".diff .del, .diff .ins", "tea")
    page.see(".diff .del, .diff .ins", "oat milk")
    page.pictures("conflict")
    page.click(".card button", "Keep mine")
    page.see(".calm", "Nothing waits for you")
    tree = netlab.settle([a, b])
    assert set(tree) == {b"list.txt"} and b.read("list.txt") == b"milk\nbread\ntea\n"
    assert page.complaints() == []


def test_release_held_deletions_and_restore_a_version(lab, browse):
    a, b = together(lab, files={"trip/%02d.jpg" % i: b"picture %d" % i for i in range(40)})
    page = browse(a)
    goes_at_once(b, "trip")
    netlab.until("b holds the deletions", lambda: b.status()["held"] > 0, 30)
    b.cli("release", "pics")
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


def test_settings_are_shown_with_where_they_are_set(lab, browse):
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
    page.pictures("settings")
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


@pytest.mark.skipif(not os.environ.get("LANYARD_AXE"), reason="LANYARD_AXE names no axe.min.js (npm pack axe-core)")
def test_axe_finds_nothing_wrong(lab, browse):
    a, b = together(lab, files={"doc.txt": b"x", "dir/doc": b"y"})
    page = browse(a)
    with open(os.environ["LANYARD_AXE"]) as f:
        axe = f.read()
    for view in ("", "transfers", "attention", "files", "members", "join", "activity", "agent"):
        page.go(view)
        for scheme in ("light", "dark"):
            page.look(1600 if scheme == "light" else 400, 1000, scheme)
            page.run(axe)
            found = page.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
                ".then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes[0].html)))")
            assert found == [], (view, scheme, found)
        page.look()
