"""A folder of many small files, moved into the share with one rename."""
import os

import ground
from scenarios import cost, cost_rows

TITLE = "%(count)d files of %(each)s, moved in at once"
SIZES = {"small": {"count": 2000, "each": 4096, "folders": 20}, "full": {"count": 50000, "each": 4096, "folders": 500}}
ROWS = cost_rows()


def run(stand, size):
    stand.peer.start()
    staged = os.path.join(stand.stage, "many")
    made = ground.small_files(staged, size["count"], size["each"], size["folders"])
    expected = {os.path.join("many", folder): names for folder, names in made.items()}
    return cost(stand.timed(lambda: os.rename(staged, os.path.join(stand.a.share, "many")), expected))
