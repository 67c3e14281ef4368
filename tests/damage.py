"""Data changed at random, as a broken or hostile writer's."""

import random
import struct

NUMBERS = [0, 1, 4, 16, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Bytes and words exchanged, parts put in, repeated or cut off, a few times each."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        choice, at = chance.randrange(5), chance.randrange(len(changed) + 1)
        if choice == 0:
            changed[at : at + 1] = chance.randbytes(1)
        elif choice == 1:
            changed[at : at + 4] = struct.pack("<I", chance.choice(NUMBERS))
        elif choice == 2:
            del changed[at:]
        elif choice == 3:
            changed[at:at] = chance.randbytes(chance.randrange(1, 9))
        else:
            changed += changed[at:]
    return bytes(changed)
