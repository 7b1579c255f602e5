"""Completion of the command line, asked of the shells themselves: commands, options, groups and paths."""
import os
import pty
import re
import select
import time

import pytest

import agents
import netlab
from netlab import trees

pytestmark = pytest.mark.plain

FOLDER = os.path.join(netlab.ROOT, "packaging", "completion")
# What commands and options take one of, after options that take a value.
WORDS = {"lanyard mode pics o": "on-demand", "lanyard role pics x r": "reader", "lanyard accept pics x --role o": "owner",
         "lanyard invite pics --uses 3 --role r": "reader", "lanyard join pics --mode o": "on-demand",
         "lanyard join p": "pics"}


def kept_versions(a):
    return [v["version"] for v in a.cli("versions", "pics", "gone")["versions"]]


@pytest.fixture
def a(lab):
    """With a group of another agent on the network, and a version that is kept of a file that went away."""
    a, b = lab.host("a"), lab.host("b")
    b.daemon.start("--discovery", "embedded")
    b.cli("create", "zoo", "--share", b.path("zoo"))
    a.daemon.start("--discovery", "embedded")
    a.cli("create", "pics", "--share", a.share)
    a.cli("create", "our music", "--share", a.path("music"))
    a.cli("create", "secrets", "--share", a.path("secrets"), "--sealed")
    trees.write(a.share, {"holiday photo.jpg": b"1", "album/one": b"2", "album/sub/x": b"3", "album/sub/y": b"4"})
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    trees.write(b.share, {"gone": b"1"})
    netlab.until("a has it", lambda: os.path.exists(a.file("gone")))
    os.unlink(b.file("gone"))
    netlab.until("a keeps it", lambda: kept_versions(a))
    netlab.until("the other group is seen", lambda: a.cli("groups")["seen"], 20)
    return a


def env(a):
    return agents.clean_env(a, {"LANYARD_HOME": a.home, "PATH": agents.BUILD + ":" + os.environ["PATH"]})


def bash(a, line):
    """Every word that completes the line's last one."""
    script = ('compopt() { :; }; source "$1/lanyard.bash"; COMP_WORDS=($2); [[ $2 == *" " ]] && COMP_WORDS+=(""); '
              'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lanyard; printf "%s\\n" "${COMPREPLY[@]}"')
    got = a.run("bash", "-c", script, "bash", FOLDER, line, env=env(a))
    return [word for word in got.stdout.decode().splitlines() if word]


def fish(a, line):
    got = a.run("fish", "--no-config", "-c", "source $argv[1]/lanyard.fish; complete -C $argv[2]", FOLDER, line, env=env(a))
    return [word.split("\t")[0] for word in got.stdout.decode().splitlines()]


class Zsh:
    """A zsh on a terminal: completion is a part of its line editor and of nothing else."""

    def __init__(self, a):
        self.leader, follower = pty.openpty()
        self.proc = a.popen("zsh", "-f", "-i", stdin=follower, stdout=follower, stderr=follower, env=env(a),
                            start_new_session=True)
        os.close(follower)
        for line in ("unsetopt prompt_sp beep; PS1='' PS2=''; fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D" % FOLDER,
                     "show() { print -r -- \"<<$BUFFER>>\"; BUFFER=; zle redisplay }; zle -N show; bindkey '^G' show",
                     "print -r -- re''ady"):
            os.write(self.leader, line.encode() + b"\n")
        self.read(rb"ready\r?\n")

    def read(self, until):
        said, end = b"", time.monotonic() + 20 * netlab.FACTOR
        while not re.search(until, said):
            assert time.monotonic() < end, said
            if select.select([self.leader], [], [], 0.2)[0]:
                said += os.read(self.leader, 65536)
        return re.search(until, said)

    def complete(self, line):
        """What the line becomes by the tabulator key."""
        os.write(self.leader, line.encode() + b"\t\x07")
        return self.read(rb"<<(.*?)>>").group(1).decode()

    def end(self):
        os.close(self.leader)
        self.proc.kill()
        self.proc.wait()


def test_bash(a):
    assert "members" in bash(a, "lanyard mem") and "create" in bash(a, "lanyard ")
    assert bash(a, "lanyard members p") == ["pics"]
    assert set(bash(a, "lanyard members ")) == {"pics", "our\\ music", "secrets"}
    assert set(bash(a, "lanyard files pics ")) == {"holiday\\ photo.jpg", "album/"}
    assert set(bash(a, "lanyard files pics album/")) == {"album/one", "album/sub/"}
    assert bash(a, "lanyard get pics album/one album/sub/y") == ["album/sub/y"]
    assert set(bash(a, "lanyard role pics x ")) == {"owner", "member", "reader"}
    assert bash(a, "lanyard role secrets x v") == ["vault"] and bash(a, "lanyard invite secrets --role v") == ["vault"]
    assert bash(a, "lanyard invite pics --role v") == []
    assert bash(a, "lanyard restore pics gone") == ["gone"] and bash(a, "lanyard restore pics gone ") == kept_versions(a)
    assert bash(a, "lanyard members z") == [] and bash(a, "lanyard join z") == ["zoo"]
    assert bash(a, "lanyard versions pics hol") == ["holiday\\ photo.jpg"]
    assert "--share" in bash(a, "lanyard create --") and "--repair" not in bash(a, "lanyard create --")
    assert bash(a, "lanyard resolve pics album/one --keep t") == ["theirs"]
    for line, word in WORDS.items():
        assert bash(a, line) == [word]
    assert bash(a, "lanyard get pics --timeout 5 hol") == ["holiday\\ photo.jpg"]
    assert a.agent_id() in bash(a, "lanyard remove pics ")
    assert bash(a, "lanyard debug ") == ["dump"] and bash(a, "lanyard debug dump --") == ["--names"]


def test_fish(a):
    assert "members" in fish(a, "lanyard mem") and "create" in fish(a, "lanyard ")
    assert fish(a, "lanyard members p") == ["pics"]
    assert set(fish(a, "lanyard members ")) == {"pics", "our music", "secrets"}
    assert set(fish(a, "lanyard files pics ")) == {"holiday photo.jpg", "album/"}
    assert set(fish(a, "lanyard files pics album/")) == {"album/one", "album/sub/"}
    assert fish(a, "lanyard get pics album/one album/sub/y") == ["album/sub/y"]
    assert set(fish(a, "lanyard role pics x ")) == {"owner", "member", "reader"}
    assert fish(a, "lanyard role secrets x v") == ["vault"] and fish(a, "lanyard invite secrets --role v") == ["vault"]
    assert fish(a, "lanyard invite pics --role v") == []
    assert fish(a, "lanyard restore pics gone") == ["gone"] and fish(a, "lanyard restore pics gone ") == kept_versions(a)
    assert fish(a, "lanyard members z") == [] and fish(a, "lanyard join z") == ["zoo"]
    assert fish(a, "lanyard versions pics hol") == ["holiday photo.jpg"]
    assert "--share" in fish(a, "lanyard create --") and "--repair" not in fish(a, "lanyard create --")
    assert fish(a, "lanyard resolve pics album/one --keep t") == ["theirs"]
    for line, word in WORDS.items():
        assert fish(a, line) == [word]
    assert fish(a, "lanyard get pics --timeout 5 hol") == ["holiday photo.jpg"]
    assert a.agent_id() in fish(a, "lanyard remove pics ")
    assert fish(a, "lanyard debug ") == ["dump"] and "--names" in fish(a, "lanyard debug dump --")


def test_zsh(a):
    zsh = Zsh(a)
    try:
        for line, completed in (("lanyard mem", "lanyard members "),
                                ("lanyard members p", "lanyard members pics "),
                                ("lanyard wait our", "lanyard wait our\\ music "),
                                ("lanyard files pics alb", "lanyard files pics album/"), ("lanyard files pics album/o", "lanyard files pics album/one "),
                                ("lanyard get pics album/one album/su", "lanyard get pics album/one album/sub/"),
                                ("lanyard restore pics gon", "lanyard restore pics gone "), ("lanyard members z", "lanyard members z"),
                                ("lanyard invite pics --role v", "lanyard invite pics --role v"),
                                ("lanyard invite secrets --role v", "lanyard invite secrets --role vault "),
                                ("lanyard versions pics hol", "lanyard versions pics holiday\\ photo.jpg "),
                                ("lanyard debug d", "lanyard debug dump "), ("lanyard debug dump --n", "lanyard debug dump --names "),
                                ("lanyard create --sh", "lanyard create --share "),
                                ("lanyard resolve pics album/one --keep t", "lanyard resolve pics album/one --keep theirs "),
                                *((line, line.rsplit(" ", 1)[0] + " " + word + " ") for line, word in WORDS.items())):
            assert zsh.complete(line) == completed
    finally:
        zsh.end()
