"""What is measured.  Each file here has TITLE, SIZES {"small", "full"}, ROWS and run(stand, size) -> {key: number}.

ROWS: (key, label, unit); units are "s", "ms", "bytes", "%", "/s" and "n", and say how a number is printed.  once: a
scenario that takes long and hardly varies is not repeated.  PEERS: the tools that it is for; all without it.
"""
import importlib

ORDER = ("bigfile", "gigabit", "copyin", "manyfiles", "insert", "scattered", "rename", "swarm", "swarm8", "smallswarm", "latency",
         "restart", "first_meeting", "vault", "memory")


def scenario(name):
    return importlib.import_module("scenarios." + name)


def cost(result, prefix=""):
    """The rows every transfer has, from a meter's result."""
    return {prefix + key: result[key] for key in ("seconds", "said", "wire", "cpu", "elsewhere") if key in result}


def cost_rows(prefix="", label=""):
    return ((prefix + "seconds", label + "tree complete", "s"), (prefix + "said", label + "said so itself", "s"),
            (prefix + "wire", label + "on the wire", "bytes"), (prefix + "cpu", label + "CPU, both ends", "s"))
