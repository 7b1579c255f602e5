"""What is run on the machines: one function a scenario, by name, in the order of the standard set."""
from .changes import address, avahi, clock, full, link, reboot
from .ground import Ground
from .left import left
from .power import power

ALL = {f.__name__: f for f in (left, power, reboot, avahi, address, link, clock, full)}

__all__ = ["ALL", "Ground"]
