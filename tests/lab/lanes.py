"""One lane's share of the tests: scripts/lanes runs several processes side by side, and LANYARD_LANE says which this is."""
import os


def keep_own(config, items):
    """For pytest_collection_modifyitems: leaves every N-th test, from the K-th on, for LANYARD_LANE=K/N; without it, all."""
    lane, _, lanes = os.environ.get("LANYARD_LANE", "1/1").partition("/")
    own = items[int(lane) - 1::int(lanes)]
    others = set(items) - set(own)
    if others:
        config.hook.pytest_deselected(items=[i for i in items if i in others])
        items[:] = own
