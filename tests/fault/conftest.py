"""pytest's side of the fault suite: one lane's share of the tests."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))
import lanes  # noqa: E402


def pytest_collection_modifyitems(config, items):
    lanes.keep_own(config, items)
