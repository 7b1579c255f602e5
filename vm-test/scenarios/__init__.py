"""What is run on the machines: one function a scenario, by name, in the order of the standard set."""
from .ground import Ground
from .left import left

ALL = {f.__name__: f for f in (left,)}

__all__ = ["ALL", "Ground"]
