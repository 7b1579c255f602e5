"""pytest's side: the lab's own fixtures and namespaces, a scene for each attack, and the table at the end."""
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
def scene(lab):
    import scenes
    s = scenes.Scene(lab)
    yield s
    s.close()


def pytest_terminal_summary(terminalreporter):
    import meter
    lines = meter.table()
    if lines:
        terminalreporter.section("what the victim paid (memory: above what it had; status, drop: the longest)")
        for line in lines:
            terminalreporter.write_line(line)
