"""swarm, with more receivers on slower links."""
from scenarios.swarm import PEERS, ROWS, TITLE, run

__all__ = ["PEERS", "ROWS", "SIZES", "TITLE", "run"]

SIZES = {"small": {"size": 16 << 20, "receivers": 8, "mbit": 100},
         "full": {"size": 128 << 20, "receivers": 8, "mbit": 200}}
