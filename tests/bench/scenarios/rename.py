"""A big file is renamed; then a folder of many files is moved into another."""
import os

import ground
from scenarios import cost, cost_rows

TITLE = "renames: a file of %(size)s, a folder of %(count)d files"
SIZES = {"small": {"size": 64 << 20, "count": 500, "folders": 5}, "full": {"size": 1 << 30, "count": 10000, "folders": 100}}
ROWS = cost_rows("file_", "file: ") + cost_rows("folder_", "folder: ")


def run(stand, size):
    made = {}

    def fill(share):
        ground.big_file(os.path.join(share, "big"), size["size"])
        made.update(ground.small_files(os.path.join(share, "old"), size["count"], 4096, size["folders"]))
        os.mkdir(os.path.join(share, "into"))

    def move(old, new):
        return lambda: os.rename(os.path.join(stand.a.share, old), os.path.join(stand.a.share, new))
    stand.seed(fill)
    stand.peer.start()
    file = stand.timed(move("big", "renamed"), {"": {"renamed"}, None: ["big"]})
    expected = {os.path.join("into", "new", folder): names for folder, names in made.items()}
    folder = stand.timed(move("old", "into/new"), {**expected, None: ["old"]})
    return {**cost(file, "file_"), **cost(folder, "folder_")}
