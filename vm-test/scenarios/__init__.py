"""What is run on the machines: one function a scenario, by name, in the order of the standard set."""
from .ground import Ground
from .left import left
from .power import power

ALL = {f.__name__: f for f in (left, power)}

__all__ = ["ALL", "Ground"]
