"""What scenarios ask of a machine, whichever kind it is: what both kinds do by their own sh(), and what is true of all.

A kind is an AgentHost (tests/lab/agents.py) with, beside what is below: start, booted, on, shut_down, remove; sh, put, read,
picture; restart_service, stop_service, kill_service, start_service; start_avahi, stop_avahi, restart_avahi; cable, interface_down, limit,
set_address, addresses; suspend, wake; cap_memory, uncap_memory, memory_report; collect.  machines.py has virtual machines,
hosts.py network namespaces.  What only a virtual machine can do stands there alone, and a scenario asks before it does it.
"""
import hashlib
import os

import trees
from namespaces import LabError

GROUP = "pictures"


class Member:
    # The folder on its disk that the share is in, and whose files the share's are.
    disk = user = None

    def write(self, name, content):
        """As the user drops a file: all of it at once, by a rename from elsewhere on the disk."""
        self.put(self.disk + "/.dropped", content)
        self._drop(name)

    def noise_file(self, name, size, seed):
        """size bytes in the share, the same that trees.noise_file() makes for this seed, without carrying them over."""
        key = hashlib.sha256(b"%d" % seed).hexdigest()
        self.sh("head -c %d /dev/zero | openssl enc -aes-128-ctr -nosalt -K %s -iv %s >%s/.dropped"
                % (size, key[:32], key[32:], self.disk), timeout=600)
        self._drop(name)

    def files_of_noise(self, folder, count, size):
        """A new folder of the share with count files f0000... of size bytes, dropped all at once."""
        self.sh("mkdir %s/.batch && cd %s/.batch && head -c %d /dev/urandom | split -b %d -a 4 -d - f && cd .. && "
                "chown -R %s: .batch && mv .batch '%s/%s'"
                % (self.disk, self.disk, count * size, size, self.user, self.share, folder), timeout=300)

    def _drop(self, name):
        self.sh("chown %s: %s/.dropped && mv %s/.dropped '%s/%s'" % (self.user, self.disk, self.disk, self.share, name))

    def folder(self, name):
        self.sh("install -d -o %s '%s/%s'" % (self.user, self.share, name))

    def overwrite(self, name, at, content):
        """Bytes within a file of the share, where it stands."""
        self.put(self.disk + "/.change", content)
        self.sh("dd if=%s/.change of='%s/%s' bs=4096 seek=%d conv=notrunc status=none; rm %s/.change"
                % (self.disk, self.share, name, at // 4096, self.disk))

    def exists(self, name):
        return self.sh("if test -e '%s/%s'; then echo yes; fi" % (self.share, name)).strip() == "yes"

    def count(self, folder):
        """Files in a folder, given in full or within the share, seen from outside the agent."""
        return int(self.sh("find '%s' -name .lanyard -prune -o -type f -print 2>/dev/null | wc -l"
                           % os.path.join(self.share, folder), timeout=600))

    def make_share(self):
        self.sh("install -d -o %s -m 755 %s" % (self.user, self.share))

    def fill_disk(self, leave):
        """Leave that many bytes for users; the rest goes to root's reserve, of which this disk has none."""
        self.sh("cd %s && fallocate -l $(( $(df --output=avail -B1 . | tail -n 1) - %d )) .filler" % (self.disk, leave))

    def empty_disk(self):
        self.sh("rm %s/.filler" % self.disk)

    def found_on_disk(self, secrets):
        """How many of these are in a name or a file of the agent's home and the share, as far as they fit into a line."""
        looked_for = [secret for secret in secrets if b"\n" not in secret and b"\0" not in secret]
        self.put(self.disk + "/.looked-for", b"\n".join(looked_for) + b"\n")
        return len(looked_for), int(self.sh(
            "{ find '%s' '%s'; find '%s' '%s' -type f -exec cat {} +; } | LC_ALL=C grep -aoF -f %s/.looked-for | "
            "LC_ALL=C sort -u | wc -l" % (self.home, self.share, self.home, self.share, self.disk), timeout=600))

    def answers(self):
        """Whether the agent answers its command line."""
        return self.lanyard("--json", "status").code == 0

    def discovery(self):
        return self.cli("status")["discovery"]

    def collect(self, folder):
        """Leave in folder what helps to understand a failure: status if the machine answers, else nothing."""
        os.makedirs(folder, exist_ok=True)
        if not self.on():
            return
        for name, script in self.reports():
            try:
                text = self.sh(script, timeout=60, check=False)
            except (LabError, OSError) as e:
                text = "no answer: %s\n" % e
            with open(os.path.join(folder, name + ".log"), "w") as f:
                f.write(text)


def settle(members, timeout=180):
    """Wait until every machine is in sync with all others and insist that all trees are identical; returns the tree."""
    for _ in range(1 if len(members) < 3 else 2):
        for vm in members:
            vm.wait_sync(timeout, peers=len(members) - 1)
    pictures = [vm.picture() for vm in members]
    for vm, other in zip(members[1:], pictures[1:]):
        said = trees.differences(pictures[0], other)
        if said:
            raise LabError("%s and %s say in sync and differ:\n%s" % (members[0].name, vm.name, "\n".join(said)))
    return pictures[0]
