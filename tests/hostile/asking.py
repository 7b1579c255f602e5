"""A stranger that asks to join: by the rules, or not.

    asker = Asker(host, victim, group)          # connected, its hello says that it asks
    asker.ask()                                 # the answer's state; the salt is in asker.salt
    asker.reveal()                              # the answer's state; the request that the member signed is in asker.entry
"""
import hashlib
import os

import wire
from foe import Foe
from papers import Key, code_of, public_tag, request_part
from trap import Trap

NO, SALT, WAITING, ACCEPTED, REJECTED, BARRED, LATER = range(7)
R = len(b"lanyard ask 1\0") + 16 + 32  # where r is in a request


class Asker:
    def __init__(self, host, victim, group, key=None, source=None):
        self.key, self.tag = key or Key(), public_tag(group)
        self.foe = Foe(host, victim, self.key, source)
        self.foe.say(wire.hello(asks=True))
        self.r, self.salt, self.entry, self.answer = os.urandom(32), None, None, None

    def close(self):
        self.foe.close()

    def hear(self, **patience):
        """The state of the next answer."""
        self.answer = wire.fields(self.foe.hear(wire.ASK_ANSWER, **patience))
        self.salt = self.answer[3][0] if self.answer[3] else self.salt
        self.entry = self.answer[4][0] if self.answer[4] else self.entry
        return (self.answer[2] or [0])[0]

    def commit(self, r=None):
        return hashlib.sha256(self.key.public + (r or self.r)).digest()

    def ask(self, r=None, entries=(), number=0, tag=None):
        self.foe.say(wire.ask(tag or self.tag, self.commit(r), entries, number))
        return self.hear()

    def part(self, r=None, s=None, number=1, **more):
        return request_part(self.key, self.tag, r or self.r, s or self.salt, self.foe.victim_id, number, **more)

    def reveal(self, part=None, **more):
        self.foe.say(wire.ask_reveal(self.tag, part or self.part(**more)))
        return self.hear()

    def code(self):
        return code_of(self.tag, self.key, self.r, self.salt)

    def asks(self, **more):
        """All of it."""
        state = self.ask()
        return self.reveal(**more) if state == SALT else state


def answer(tag, state, salt=b"", entry=b"", group=b"", number=0):
    fields = [(1, tag), (2, state)] + [(n, v) for n, v in ((3, salt), (4, entry), (5, group), (6, number)) if v]
    return wire.frame(wire.ASK_ANSWER, wire.message(*fields))


class Liar(Trap):
    """An agent that is in no group, and answers whoever asks it: lie(liar, foe, kind, fields) for each ASK and ASK_REVEAL."""

    def __init__(self, host, lie):
        super().__init__(host, bytes(32), lie)
        self.asked, self.revealed = 0, []

    def _talk(self, foe):
        foe.say(wire.hello([os.urandom(16)] * 8))
        while not self.ending:
            one = foe.listen(0.2)
            if one and one[0] in (wire.ASK, wire.ASK_REVEAL):
                m = wire.fields(one[1])
                self.asked += one[0] == wire.ASK
                if one[0] == wire.ASK_REVEAL:
                    self.revealed.append(bytes(m[2][0][R:R + 32]))
                self.answer(self, foe, one[0], m)
