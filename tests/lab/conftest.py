"""pytest's side of the lab: enter the namespaces, give each test a lab, end hung tests, show logs of failed ones."""
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lanes  # noqa: E402
import netlab  # noqa: E402

TEST_SECONDS = 240


def pytest_configure(config):
    if os.environ.get("PYTEST_XDIST_WORKER"):
        raise pytest.UsageError("the lab runs serially: two cores make a poor network when shared by many tests")
    # pytest has redirected the output by now; the process that is executed in its stead needs the real one.
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None and os.environ.get("LANYARD_LAB_INSIDE") is None:
        capture.stop_global_capturing()
    try:
        netlab.enter()
    except netlab.LabError as e:
        raise pytest.UsageError(str(e))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when in ("setup", "call"):
        item.failed = getattr(item, "failed", False) or report.failed


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """A hung test fails by itself; seconds(N) gives one more time."""
    mark = item.get_closest_marker("seconds")

    def ring(signum, frame):
        raise netlab.LabError("the test took more than its time")
    old = signal.signal(signal.SIGALRM, ring)
    signal.alarm(int((mark.args[0] if mark else TEST_SECONDS) * netlab.FACTOR))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


def pytest_runtestloop(session):
    return lanes.run(session)


removals = []


def pytest_sessionfinish(session):
    for proc in removals:
        proc.wait()


@pytest.fixture
def lab(request):
    """An empty lab.  Agents still running at the end are stopped, and must stop cleanly."""
    mark = request.node.get_closest_marker("in_memory")
    lab = netlab.Lab(in_memory=mark.args[0] if mark else 0)
    try:
        yield lab
        trouble = finish(lab)
        if getattr(request.node, "failed", False):
            for host in lab.hosts:
                print(host.daemon.tail())
        if trouble:
            pytest.fail("\n".join(trouble))
    finally:
        # Removing many thousand files takes a while, in which the next test can run.
        lab.close(wait=False)
        if lab.removal is not None:
            removals.append(lab.removal)


def finish(lab):
    trouble = []
    for host in lab.hosts:
        try:
            host.daemon.finish()
        except netlab.LabError as e:
            trouble.append(str(e))
    return trouble
