"""pytest's side of the fault suite: which tests this process runs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))
import lanes  # noqa: E402


def pytest_runtestloop(session):
    return lanes.run(session)
