"""What a command says of an agent that hangs, that is not there, or that is of another version: three messages."""
import contextlib
import os
import socket
import threading

NO_AGENT, REFUSED = 3, 1


@contextlib.contextmanager
def fake_agent(host, answer):
    """A control socket in the host's home; answer(request's first line) gives the bytes to send, or None for none."""
    os.makedirs(host.home, exist_ok=True)
    folder = os.open(host.home, os.O_PATH)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("/proc/self/fd/%d/control.sock" % folder)
    listening.listen(16)
    kept = []

    def serve(connection):
        with contextlib.suppress(OSError):
            line = connection.recv(65536).split(b"\r\n")[0].decode()
            got = answer(line)
            if got is not None:
                connection.sendall(got)
                connection.shutdown(socket.SHUT_RDWR)

    def accept():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            kept.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield
    listening.shutdown(socket.SHUT_RDWR)
    for s in [listening] + kept:
        s.close()
    os.unlink("/proc/self/fd/%d/control.sock" % folder)
    os.close(folder)


def http(status, body):
    return ("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)).encode()


def test_an_agent_that_hangs_is_one_message(lab):
    a = lab.host("a")
    with fake_agent(a, lambda line: None):
        got = a.lanyard("status")
    assert got.code == NO_AGENT and "hangs" in got.err and "no agent answers" not in got.err


def test_an_agent_that_is_not_there_is_another(lab):
    a = lab.host("a")
    got = a.lanyard("status")
    assert got.code == NO_AGENT and "no agent answers" in got.err and "hangs" not in got.err


def test_an_agent_of_another_version_is_a_third(lab):
    def answer(line):
        if " /v1/status " in line:
            return http("200 OK", '{"version": "0.0.1-old"}')
        return http("404 Not Found", '{"error": "there is no /v1/peers"}')

    a = lab.host("a")
    with fake_agent(a, answer):
        got = a.lanyard("peers")
    assert got.code == REFUSED and "version 0.0.1-old" in got.err and "hangs" not in got.err


def test_an_agent_that_takes_its_time_does_not_hang(lab):
    """The wait is answered only once the command has asked, on another connection, whether the agent lives."""
    asked = threading.Event()

    def answer(line):
        if " /v1/wait" in line:
            asked.wait(60)
            return http("200 OK", '{"in_sync": true}')
        asked.set()
        return http("404 Not Found", '{"error": "there is no /v1/"}')

    a = lab.host("a")
    with fake_agent(a, answer):
        got = a.lanyard("wait", "--timeout", "60")
    assert got.code == 0 and asked.is_set()
