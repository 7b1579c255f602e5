"""What is run on the machines: one function a scenario, by name, in the order of the standard set."""
from .away import clock, month, suspend
from .changes import address, avahi, link, reboot
from .ground import Ground
from .groups import people
from .left import left, sealed
from .limits import full, memory
from .package import upgrade
from .power import power
from .vault import vault

# Scenarios go on with the machines of the one before, except those that begin with a machine alone.
ORDER = (left, people, power, reboot, avahi, address, link, suspend, month, clock, full, memory, upgrade, sealed, vault)
ALL = {scenario.__name__: scenario for scenario in ORDER}

__all__ = ["ALL", "Ground"]
