"""`lanyard doctor` on machines that are really broken: each problem is named, with its cure."""
import json
import os
import subprocess

import netlab
import sealed
from test_api import Client
from test_config import write
from test_watch import limited


def agent(lab, *flags, **kw):
    a = lab.host("a")
    a.daemon.start("--discovery", "off", *flags, **kw)
    return a


def sharing(lab, *flags, **kw):
    a = agent(lab, *flags, **kw)
    a.cli("create", "pics", "--share", a.share)
    return a


def doctor(host, env=None, wrap=()):
    """{check: finding} of all that is not well, and the exit code fits."""
    got = host.lanyard("--json", "doctor", env=env, wrap=wrap)
    checks = json.loads(got.out)["checks"]
    bad = {c["check"]: c for c in checks if c["state"] == "bad"}
    assert got.code == (1 if bad else 0), got
    assert all(c["text"] for c in checks)
    text = host.lanyard("doctor", env=env, wrap=wrap)
    assert text.code == got.code
    for c in bad.values():
        assert c["cure"] and ("-> " + c["cure"]).encode() in text.out
    return bad


def test_a_healthy_machine_has_no_problem(lab):
    assert doctor(sharing(lab)) == {}


def test_the_agent_finds_what_the_command_finds(lab):
    """The page asks the agent, which looks at the same things."""
    a = sharing(lab)
    os.chmod(a.home, 0o755)
    write(os.path.join(a.home, "lanyard.conf"), "[agent]\nmemory = lots\n")
    of_agent = json.loads(Client(a).ask("GET", "/v1/doctor")[2])["checks"]
    of_command = json.loads(a.lanyard("--json", "doctor").out)["checks"]
    assert [(c["check"], c["state"], c["cure"]) for c in of_agent] == [(c["check"], c["state"], c["cure"]) for c in of_command]
    bad = {c["check"]: c for c in of_agent if c["state"] == "bad"}
    assert set(bad) == {"settings", "home"} and bad["home"]["cure"] == "chmod 700 " + a.home


def test_without_an_agent_it_says_so_and_that_its_port_is_taken(lab):
    a = lab.host("a")
    bad = doctor(a)
    assert set(bad) == {"agent"} and "start lanyardd" in bad["agent"]["cure"]
    taker = a.popen("python3", "-c", "import socket, sys; s = socket.create_server(('', 4170)); print('up', flush=True); "
                    "sys.stdin.read()", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert taker.stdout.readline() == b"up\n"
    # Any other will do, as long as nobody named it.
    assert set(doctor(a)) == {"agent"}
    write(os.path.join(a.home, "lanyard.conf"), "[agent]\nlisten = 4170\n")
    os.chmod(a.home, 0o700)
    bad = doctor(a)
    assert "another program listens on TCP port 4170" in bad["port"]["text"] and "ss -ltnp" in bad["port"]["cure"]
    write(os.path.join(a.home, "lanyard.conf"), "[agent]\nlisten = 4171\n")
    assert set(doctor(a)) == {"agent"}
    taker.communicate()


def test_a_mistake_in_the_settings(lab):
    a = sharing(lab)
    path = write(os.path.join(a.home, "lanyard.conf"), "[agent]\nlistn = 4171\n")
    bad = doctor(a)
    assert set(bad) == {"settings"} and bad["settings"]["text"].startswith(path + ":2: unknown key 'listn'")


def test_a_group_of_the_settings_that_could_not_be_joined(lab):
    a = sharing(lab)
    name = "odd näme"
    invite = write(a.path("invite"), "no token\n")
    write(os.path.join(a.home, "lanyard.conf"),
          "[group %s]\nshare = %s\ninvite-file = %s\n" % (name, a.path("second"), invite))
    a.daemon.reload()
    bad = doctor(a)
    assert set(bad) == {"group " + name} and "is not in it" in bad["group " + name]["text"]
    a.cli("create", name, "--share", a.path("second"))
    assert doctor(a) == {}


def test_no_multicast(lab):
    a = sharing(lab)
    a.run("ip", "link", "set", "e0", "multicast", "off")
    bad = doctor(a)
    assert set(bad) == {"network"} and "supports multicast" in bad["network"]["text"]
    a.run("ip", "link", "set", "e0", "multicast", "on")
    assert doctor(a) == {}
    a.link_down()
    assert set(doctor(a)) == {"network"}


def test_a_blocked_port(lab):
    a = sharing(lab)
    a.run("nft", "add table inet wall; add chain inet wall in { type filter hook input priority 0; }; "
          "add rule inet wall in tcp dport 4170 drop")
    bad = doctor(a)
    assert set(bad) == {"port"} and "cannot be reached at %s" % a.ip in bad["port"]["text"]
    assert "ufw allow lanyard" in bad["port"]["cure"]
    # One that listens on its own address alone is not blocked.
    a.run("nft", "flush", "ruleset")
    assert doctor(a) == {}


def test_too_few_watches(lab):
    a = sharing(lab)
    bad = doctor(a, wrap=limited("watches", 20))
    assert set(bad) == {"inotify"}
    assert "may watch only 20" in bad["inotify"]["text"] and "sysctl user.max_inotify_watches=" in bad["inotify"]["cure"]


def test_a_share_that_cannot_be_written(lab):
    a = sharing(lab)
    a.run("mount", "--bind", a.share, a.share)
    a.run("mount", "-o", "remount,bind,ro", a.share)
    bad = doctor(a)
    assert {"share of pics", "disk of pics"} <= set(bad) <= {"share of pics", "disk of pics", "group pics"}
    assert "Read-only file system" in bad["share of pics"]["text"] and "mount it read-write" in bad["share of pics"]["cure"]


def test_a_share_outside_what_the_services_sandbox_may_write(lab):
    """As ReadWritePaths= does it: what is read-only for the agent is not for the admin."""
    a = lab.host("a")
    sandbox = ["unshare", "-m", "--propagation", "private", "sh", "-c",
               'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"', a.share]
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    a.daemon.stop()
    a.daemon.start("--discovery", "off", wrap=sandbox)
    bad = doctor(a)
    assert "share of pics" in bad, bad
    assert "ReadWritePaths=" + a.share in bad["share of pics"]["cure"] and "systemctl edit" in bad["share of pics"]["cure"]


def test_a_share_that_is_gone(lab):
    a = sharing(lab)
    os.rename(a.share, a.share + ".away")
    bad = doctor(a)
    assert "share of pics" in bad and "mount or restore it" in bad["share of pics"]["cure"]
    os.rename(a.share + ".away", a.share)


def test_a_clock_that_is_far_off(lab):
    a = sharing(lab)
    source, library = a.path("clock.c"), a.path("clock.so")
    write(source, "#include <time.h>\n#include <stdlib.h>\n"
          "time_t time(time_t *t)\n{\n\ttime_t now = atoll(getenv(\"NOW\"));\n\tif (t)\n\t\t*t = now;\n\treturn now;\n}\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    for now, said in (("1000000000", "2001-09-09"), ("2500000000", "2049-03-22")):
        env = {"LD_PRELOAD": library, "NOW": now, "ASAN_OPTIONS": "verify_asan_link_order=0"}
        bad = doctor(a, env=env)
        assert set(bad) == {"clock"} and said in bad["clock"]["text"] and "timedatectl" in bad["clock"]["cure"]


def test_a_disk_that_is_nearly_full(lab):
    a = lab.host("a")
    lab.tmpfs(a.share, "2m")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    disk = os.statvfs(a.share)
    with open(a.file("ballast"), "wb") as f:
        f.write(bytes(disk.f_bavail * disk.f_frsize - 90_000))
    a.wait_sync()
    bad = doctor(a)
    assert set(bad) == {"disk of pics"} and " left" in bad["disk of pics"]["text"]
    os.unlink(a.file("ballast"))


def test_a_home_that_others_can_read(lab):
    a = sharing(lab)
    os.chmod(a.home, 0o755)
    bad = doctor(a)
    assert set(bad) == {"home"} and bad["home"]["cure"] == "chmod 700 " + a.home
    os.chmod(a.home, 0o700)


def test_keys_that_may_be_swapped(lab):
    a = agent(lab, wrap=["setpriv", "--bounding-set", "-ipc_lock", "prlimit", "--memlock=65536:65536"])
    a.cli("create", "pics", "--share", a.share, "--sealed")
    assert doctor(a) == {}

    def keys():
        return [c for c in a.cli("doctor")["checks"] if c["check"] == "keys"]
    found, = keys()
    assert found["state"] == "note" and "swap" in found["text"] and "LimitMEMLOCK=8M" in found["cure"]
    a.daemon.stop()
    a.daemon.start()
    assert not keys() and a.status()["keys_locked"]


def test_keys_that_were_lost_with_the_disk_of_whoever_made_them(lab):
    a, b, c = (lab.host(name) for name in "abc")
    sealed.start([a, b, c])
    sealed.found(a)
    for host in (b, c):
        sealed.join(host, a)
    a.cli("role", "pics", b.id, "owner")
    netlab.settle([a, b, c])
    c.daemon.stop()

    def keyring():
        with open(sealed.group_file(b, "keys.bin"), "rb") as f:
            return f.read()
    before = keyring()
    a.cli("remove", "pics", c.id)
    netlab.until("b has the new keys", lambda: keyring() != before, 30)
    netlab.settle([a, b])
    for host in (a, b):
        host.daemon.stop()
    # As if a had told of them, and not given them before its disk was lost.
    with open(sealed.group_file(b, "keys.bin"), "wb") as f:
        f.write(before)
    b.daemon.start()
    found, = (f for f in b.cli("doctor")["checks"] if f["check"] == "keys of pics")
    assert found["state"] == "note" and "a made them" in found["text"] and "lanyard remove" in found["cure"]
    # That helps.
    b.cli("remove", "pics", a.id)
    netlab.until(lambda: "b has keys: %s" % b.status(), lambda: "keys_awaited" not in b.status(), 30)
    assert not [f for f in b.cli("doctor")["checks"] if f["check"] == "keys of pics"]


def test_a_folder_of_the_kernels_is_refused_as_a_share(lab):
    a = agent(lab)
    for path in ("/proc/lanyard", "/proc/sys/kernel", "/sys/kernel/photos/new"):
        got = a.lanyard("create", "pics", "--share", path)
        assert got.code == 1 and "virtual file system" in got.err and path in got.err, got
    assert a.cli("status")["groups"] == []


def test_a_link_that_flaps(lab):
    """It is connected whenever one looks."""
    a, b = netlab.in_sync(lab, {"hello": b"world"})
    for times in range(3):
        assert doctor(a) == {}
        b.daemon.kill9()
        netlab.until("a has noticed", lambda: a.peers() == {})
        b.daemon.start()
        a.wait_peers(1)
    bad = doctor(a)
    assert set(bad) == {"link to b"}
    assert "lost 3 times within 15 minutes" in bad["link to b"]["text"] and "mtu" in bad["link to b"]["cure"]
    b.daemon.stop()
    b.daemon.start()
    a.wait_peers(1)
    assert "lost 3 times" in doctor(a)["link to b"]["text"]


def test_a_link_that_loses_large_packets_counts_as_lost(lab):
    """A tunnel with a smaller MTU, and nobody who says so: hellos pass, and what is to be sent does not."""
    a, b = netlab.in_sync(lab, {"hello": b"world"})
    b.run("nft", "add table inet hole; add chain inet hole in { type filter hook input priority 0; }; "
          "add rule inet hole in meta l4proto tcp meta length > 1000 drop")
    netlab.trees.write(a.share, {"large": os.urandom(200000)})
    lost = netlab.until("the loss is noticed", lambda: a.cli("status")["lost"], 40, every=0.2)
    assert lost[0]["agent"] == b.agent_id() and lost[0]["name"] == "b" and lost[0]["times"] >= 1 and lost[0]["reason"]
    b.run("nft", "flush", "ruleset")
    netlab.until("it has arrived", lambda: os.path.exists(b.file("large")), 40)
