"""The harness's end of a guest's virtio-serial port; guest/control is at the other end and tells what can be said."""
import socket
import time

from namespaces import LabError


class Channel:
    """The virtio-serial port of a guest; guest/control is at its other end."""

    def __init__(self, machine, path):
        self.machine = machine
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.buffer = b""

    def close(self):
        self.sock.close()

    def ready(self, timeout):
        """Wait for the guest's first word."""
        if self._line(timeout) != b"READY":
            raise LabError("%s: the guest did not say READY" % self.machine.name)

    def run(self, script, timeout):
        """(exit code, output, messages) of a script; the guest itself ends one that takes longer."""
        data = script.encode()
        return self._ask(b"RUN %d %d\n" % (max(1, int(timeout)), len(data)), data, timeout + 30)

    def put(self, path, content):
        code, _, _ = self._ask(b"PUT %d %s\n" % (len(content), path.encode()), content, 300)
        if code != 0:
            raise LabError("%s: cannot write %s" % (self.machine.name, path))

    def get(self, path):
        code, out, err = self._ask(b"GET %s\n" % path.encode(), b"", 300)
        if code != 0:
            raise LabError("%s: %s" % (self.machine.name, err.decode(errors="replace")))
        return out

    def _ask(self, head, body, timeout):
        self.sock.settimeout(timeout)
        self.sock.sendall(head + body)
        words = self._line(timeout).split()
        if len(words) != 4 or words[0] != b"DONE":
            raise LabError("%s: the guest says %r" % (self.machine.name, words))
        code, out, err = map(int, words[1:])
        return code, self._bytes(out), self._bytes(err)

    def _line(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            self._more(end)
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def _bytes(self, number):
        parts, have = [self.buffer], len(self.buffer)
        while have < number:
            self.buffer = b""
            self._more(time.monotonic() + 120)
            parts.append(self.buffer)
            have += len(self.buffer)
        data = b"".join(parts)
        self.buffer = data[number:]
        return data[:number]

    def _more(self, end):
        self.sock.settimeout(max(0.1, end - time.monotonic()))
        try:
            data = self.sock.recv(1 << 18)
        except TimeoutError:
            raise LabError("%s: no answer from the guest in time" % self.machine.name) from None
        except ConnectionError:
            data = b""
        if not data:
            raise LabError("%s: the guest is gone\n%s" % (self.machine.name, self.machine.console_tail()))
        self.buffer += data
