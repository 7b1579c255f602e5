"""Both ends have the same many files; the receiver's end is stopped and started again, and nothing has changed."""
import os

import ground

TITLE = "restart with %(count)d files, nothing changed"
SIZES = {"small": {"count": 4000, "folders": 20}, "full": {"count": 100000, "folders": 500}}
ROWS = (("seconds", "in sync again", "s"), ("wire", "on the wire", "bytes"), ("records_sent", "records sent", "n"))


def run(stand, size):
    stand.seed(lambda share: ground.small_files(os.path.join(share, "many"), size["count"], 100, size["folders"]))
    stand.peer.start()
    ground.await_quiet()
    wire = stand.wire()
    result = {"seconds": stand.peer.restart()}
    result["wire"] = stand.wire() - wire
    stand.compare()
    return {**result, **stand.peer.extra()}
