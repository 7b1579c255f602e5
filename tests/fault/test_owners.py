"""Files of the share that another user of the machine owns: what the agent may not set is set by putting its own copy in their place."""
import os
import subprocess

import pytest
from stand import BUILD, GROUP, Stand
import trees

AGENT, PERSON = 65533, 65532


class OwnersStand(Stand):
    """The victim's agent is not root; a person writes into its share, whose folders take files from everybody."""

    def __init__(self):
        super().__init__(("peer", "victim"), ())
        v = self.victim
        v.wrap = ["setpriv", "--reuid", str(AGENT), "--regid", str(AGENT), "--clear-groups", "--"]
        os.chmod(self.dir, 0o711)
        os.chmod(v.dir, 0o711)
        os.chmod(v.share, 0o777)
        for path in (v.home, v.share):
            os.chown(path, AGENT, AGENT)
        if subprocess.run(v.wrap + ["test", "-x", os.path.join(BUILD, "lanyardd")]).returncode != 0:
            self.__exit__()
            pytest.skip("cannot be tested here: %s is where only root looks" % BUILD)


def person_writes(share, name, content):
    path = os.path.join(share, name)
    with open(path, "wb") as f:
        f.write(content)
    os.chown(path, PERSON, PERSON)
    os.chmod(path, 0o644)


def test_modes_and_times_of_another_users_files_are_set_by_replacing_them():
    with OwnersStand() as s:
        person_writes(s.victim.share, "small", b"a person's")
        person_writes(s.victim.share, "large", trees.noise(3 << 20))
        s.settle()
        os.chmod(s.peer.path("small"), 0o600)
        os.utime(s.peer.path("large"), ns=(1700000001123456789, 1700000001123456789))
        s.settle()
        assert os.stat(s.victim.path("small")).st_uid == AGENT
        assert s.victim.cli("versions", GROUP, "small")["versions"]
        # And a new content, which never needed the owner's leave.
        person_writes(s.victim.share, "again", b"a person's")
        s.settle()
        trees.write(s.peer.share, {"again": b"a peer's"})
        s.settle()
        assert not s.victim.status()["problems"]
