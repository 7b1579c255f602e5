"""Settings files: a machine configured by files alone joins at boot; a bad file is named and changes nothing."""
import os
import re

import pytest

import netlab
import trees
from agents import BUILD, clean_env


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", opener=lambda p, f: os.open(p, f, mode)) as f:
        f.write(text)
    return path


def declare(host, group="pics", **keys):
    keys.setdefault("share", host.share)
    text = "[group %s]\n%s" % (group, "".join("%s = %s\n" % (k.replace("_", "-"), v) for k, v in keys.items()))
    return write(host.path("etc/lanyard.conf"), text)


def lanyardd(host, *args, env=None):
    """Run it to its end and return (exit code, stdout, stderr)."""
    got = host.run(os.path.join(BUILD, "lanyardd"), "--home", host.home, *args, check=False, timeout=20 * netlab.FACTOR,
                   env=clean_env(host, env))
    return got.returncode, got.stdout.decode(), got.stderr.decode(errors="replace")


def founder(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    trees.write(a.share, {"x": b"1"})
    return a


def test_a_machine_configured_by_files_alone_joins_at_boot(lab):
    a, b = founder(lab), lab.host("b")
    write(b.path("credentials/invite_pics"), a.invite("pics") + "\n")
    conf = declare(b, invite_credential="invite_pics")
    write(conf + ".d/10-site.conf", "[agent]\ndiscovery = off\npeer = %s\n" % a.address)
    env = {"CREDENTIALS_DIRECTORY": b.path("credentials")}
    b.daemon.start("--config", conf, env=env)
    a.wait_peers(1)
    netlab.settle([a, b])
    assert b.read("x") == b"1"
    # From then on it is a member, whatever becomes of the invite; its settings stay as they were written.
    with open(conf) as f:
        written = f.read()
    b.daemon.stop()
    os.unlink(b.path("credentials/invite_pics"))
    b.daemon.start("--config", conf, env=env)
    trees.write(a.share, {"y": b"2"})
    netlab.settle([a, b])
    assert "error" not in b.log() and len(b.cli("status")["groups"]) == 1
    with open(conf) as f:
        assert f.read() == written


def test_an_invite_that_is_not_there_yet_is_read_at_the_next_reload(lab):
    a, b = founder(lab), lab.host("b")
    invite = b.path("etc/invite")
    conf = declare(b, invite_file=invite)
    b.daemon.start("--config", conf, "--discovery", "off", "--peer", a.address)
    netlab.until("the log says what is missing", lambda: invite + ": cannot be read: No such file" in b.log())
    write(invite, "lanyard1-nonsense")
    b.daemon.reload()
    netlab.until("the log says that it is damaged", lambda: invite + ": holds an invite token that is damaged" in b.log())
    write(invite, a.invite("pics"))
    b.daemon.reload()
    a.wait_peers(1)
    netlab.settle([a, b])


def test_a_credential_that_is_not_there_needs_a_restart(lab):
    a = lab.host("a")
    for way in ("invite", "secret"):
        conf = declare(a, **{way + "_credential": way + "_pics"}, **({"founder": "a"} if way == "secret" else {}))
        for env in ({}, {"CREDENTIALS_DIRECTORY": a.path("credentials")}):
            os.makedirs(a.path("credentials"), exist_ok=True)
            before = len(a.log())
            a.daemon.start("--config", conf, "--discovery", "off", env=env)
            netlab.until("the log says what to do", lambda: re.search(
                "the credential %s_pics does not exist.* at a restart, not at a reload" % way, a.log()[before:]))
            a.daemon.stop()


def test_an_invite_to_another_group_is_not_used(lab):
    a, b = founder(lab), lab.host("b")
    conf = declare(b, group="music", invite_file=write(b.path("etc/invite"), a.invite("pics")))
    code, out, err = lanyardd(b, "--config", conf, "--check-config")
    assert code == 78 and "is an invite to group 'pics', not to 'music'" in err and out == ""
    b.daemon.start("--config", conf, "--discovery", "off", "--peer", a.address)
    netlab.until("the log says so", lambda: "is an invite to group 'pics', not to 'music'" in b.log())
    assert b.cli("status")["groups"] == []


def test_check_config_says_what_is_wrong_and_touches_nothing(lab):
    a = lab.host("a")
    conf = declare(a, invite_credential="nobody_passes_it")
    code, out, err = lanyardd(a, "--config", conf, "--check-config")
    assert (code, out, err) == (0, "settings are good: 1 file, 1 group\n", "")
    drop_in = write(conf + ".d/x.conf", "[agent]\nlisten = everywhere\n")
    code, out, err = lanyardd(a, "--config", conf, "--check-config")
    assert code == 78 and out == ""
    assert err.startswith("lanyardd: %s:2: listen is 'everywhere', but must be PORT or ADDR:PORT" % drop_in), err
    # The agent itself ends with the code that the unit does not restart on.
    code, out, err = lanyardd(a, "--config", conf)
    assert code == 78 and drop_in + ":2: listen is 'everywhere'" in err
    os.unlink(drop_in)
    os.chmod(conf, 0)
    if os.geteuid() != 0:
        assert lanyardd(a, "--config", conf, "--check-config")[0] == 78
    assert lanyardd(a, "--config", conf + ".none", "--check-config")[0] == 78
    assert lanyardd(a, "--config", conf, "--listen", "x", "--check-config")[0] == 2


def test_a_reload_with_a_bad_file_keeps_the_old_settings(lab):
    a = lab.host("a")
    conf = write(a.path("etc/lanyard.conf"), "[agent]\nlog-level = debug\ndiscovery = off\n")
    a.daemon.start("--config", conf)
    a.cli("create", "pics", "--share", a.share)
    write(conf, "[agent]\nlog-level = loud\n[group more]\nshare = /nowhere\n")
    a.daemon.reload()
    netlab.until("the log says so", lambda: conf + ":2: log-level is 'loud', but must be" in a.log())
    assert "the old settings stay in force" in a.log() and "group more" not in a.log()
    write(conf, "[agent]\nlog-level = info\ndiscovery = off\nname = other\npeer = 10.0.0.1:9\n")
    a.daemon.reload()
    netlab.until("it is read", lambda: "settings: read again" in a.log())
    assert "settings: name: change takes effect after a restart" in a.log()
    assert a.status()["state"] in ("in-sync", "syncing", "scanning")


def test_a_new_peer_counts_from_the_reload_on(lab):
    a, b = founder(lab), lab.host("b")
    conf = write(b.path("etc/lanyard.conf"), "[agent]\ndiscovery = off\n")
    token = a.invite("pics")
    b.daemon.start("--config", conf)
    assert b.lanyard("join", "--invite", token, "--share", b.share).code == 0
    b.daemon.stop()
    b.daemon.start("--config", conf)
    write(conf, "[agent]\ndiscovery = off\npeer = %s\n" % a.address)
    b.daemon.reload()
    a.wait_peers(1)
    netlab.settle([a, b])


# A machine's own /etc and /var/lib, without those of the machine that the tests run on.
SYSTEM = """set -e
mount -t tmpfs none /var/lib && mkdir /var/lib/lanyard
mkdir -p "$1/etc" && cp /etc/passwd /etc/group /etc/nsswitch.conf "$1/etc" && mount --bind "$1/etc" /etc
grep -q ^lanyard: /etc/passwd || { echo lanyard:x:61234:61234::/:/bin/false >>/etc/passwd; echo lanyard:x:61234: >>/etc/group; }
mkdir -p /etc/lanyard/invites /etc/lanyard/secrets
printf '[group pics]\\nshare = /opt/pics\\ninvite-credential = invite_pics\\n' >/etc/lanyard/lanyard.conf
printf '[group music]\\nshare = /srv/music\\nsecret-credential = secret_music\\nfounder = x\\n' >>/etc/lanyard/lanyard.conf
umask 077
eval "$2"
exec "$3" --home /var/lib/lanyard --check-config
"""


def one_user():
    with open("/proc/self/uid_map") as f:
        return int(f.read().split()[2]) == 1


def check_as_root(host, script):
    got = host.run("unshare", "-m", "sh", "-c", SYSTEM, "sh", host.path("system"), script, os.path.join(BUILD, "lanyardd"),
                   check=False, timeout=20 * netlab.FACTOR, env=clean_env(host))
    return got.returncode, got.stderr.decode(errors="replace")


@pytest.mark.skipif(one_user(), reason="a namespace of one user")
def test_check_config_sees_what_the_service_would_see(lab):
    a = lab.host("a")
    code, said = check_as_root(a, "")
    assert code == 0, said
    assert "/etc/lanyard/invites/pics does not exist" in said and "/etc/lanyard/secrets/music does not exist" in said
    assert "ReadWritePaths= names (systemctl edit lanyardd): /opt/pics is elsewhere" in said and "/srv/music is" not in said
    code, said = check_as_root(a, "echo lanyard1-x >/etc/lanyard/invites/pics")
    assert code == 78 and "/etc/lanyard/invites/pics: holds an invite token that is damaged" in said, said
    code, said = check_as_root(a, "rm /etc/lanyard/invites/pics; echo short >/etc/lanyard/secrets/music")
    assert code == 78 and "fewer than 32 characters" in said, said
    # Root can read it, and the service's user cannot.
    code, said = check_as_root(a, "rm /etc/lanyard/secrets/music; chmod 600 /etc/lanyard/lanyard.conf")
    assert code == 78 and "Permission denied (as the user lanyard, whose service reads it)" in said, said
