"""pytest's side: the lab's own fixtures and namespaces, and a browser on a host of it."""
import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "lab")
sys.path[:0] = [HERE, LAB]
_spec = importlib.util.spec_from_file_location("lab_conftest", os.path.join(LAB, "conftest.py"))
_lab = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_lab)
pytest_configure = _lab.pytest_configure
pytest_runtestloop = _lab.pytest_runtestloop
pytest_runtest_makereport = _lab.pytest_runtest_makereport
pytest_runtest_protocol = _lab.pytest_runtest_protocol
pytest_sessionfinish = _lab.pytest_sessionfinish
lab = _lab.lab


@pytest.fixture
def browse(lab, request):
    """browse(host): the page of the host's agent in a browser that runs there. Where the test fails, a picture is kept."""
    import browser
    opened = []

    def start(host, **kw):
        opened.append(browser.Browser(host, **kw))
        return opened[-1]
    yield start
    for b in opened:
        if getattr(request.node, "failed", False):
            b.report(request.node.name)
        b.close()
