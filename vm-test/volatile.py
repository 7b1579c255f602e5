"""A disk with a cache that loses what was not flushed when the power goes.

qemu writes each request to the disk and, in order, to a log (driver blklogwrites, in the format of dm-log-writes).  When
the power is cut, the disk is made again: as it was when the machine was started, then everything up to the last flush, then
of the rest what chance lets through, as a disk may write its cache in any order.
"""
import os
import random
import struct
import subprocess

SECTOR = 512
FLUSH, FUA, DISCARD = 1, 2, 4


class VolatileDisk:
    def __init__(self, path, seed):
        self.path, self.before, self.log = path, path + ".before", path + ".log"
        self.chance = random.Random(seed)

    def words(self):
        """For qemu, which is about to start: the disk as the node `disk`."""
        self.forget()
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.path, self.before], check=True)
        with open(self.log, "wb"):
            pass
        return ["-blockdev", "driver=file,node-name=below,discard=unmap,filename=" + self.path,
                "-blockdev", "driver=file,node-name=log,filename=" + self.log,
                "-blockdev", "driver=blklogwrites,node-name=disk,file=below,log=log,log-sector-size=%d" % SECTOR]

    def lose(self):
        """The power is gone.  Returns (bytes kept although no flush came after them, bytes lost)."""
        writes = list(self._writes())
        flushed = max((i for i, (_, _, _, flags) in enumerate(writes) if flags & FLUSH), default=0)
        kept = lost = 0
        with open(self.log, "rb") as log, open(self.before, "r+b") as disk:
            for i, (at, start, size, flags) in enumerate(writes):
                if i > flushed and not flags & FUA:
                    if self.chance.random() < 0.5:
                        lost += size
                        continue
                    kept += size
                self._apply(log, at, disk, start, size, flags)
        os.rename(self.before, self.path)
        self.forget()
        return kept, lost

    def forget(self):
        """The machine went off in good order, or the loss is done: no need for what was before."""
        for name in (self.before, self.log):
            if os.path.exists(name):
                os.unlink(name)

    def _writes(self):
        """(place of the data in the log, place on the disk, bytes, flags) of each whole entry."""
        end, at = os.path.getsize(self.log), SECTOR
        with open(self.log, "rb") as log:
            while at + SECTOR <= end:
                log.seek(at)
                sector, sectors, flags, _ = struct.unpack("<4Q", log.read(32))
                size = sectors * SECTOR
                following = at + SECTOR + (0 if flags & DISCARD else size)
                # qemu was ended while it wrote this one.  What is behind it goes too: a power cut a moment earlier.
                if following > end or (sector, sectors, flags) == (0, 0, 0):
                    return
                yield at + SECTOR, sector * SECTOR, size, flags
                at = following

    @staticmethod
    def _apply(log, at, disk, start, size, flags):
        disk.seek(start)
        if flags & DISCARD:
            zeros = bytes(1 << 20)
            while size > 0:
                size -= disk.write(zeros[:min(size, len(zeros))])
            return
        log.seek(at)
        while size > 0:
            data = log.read(min(size, 1 << 20))
            disk.write(data)
            size -= len(data)
