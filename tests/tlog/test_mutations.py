"""Ten thousand ways to change a published log by one thing; every one is found, and told by the right exit code."""

import random

import pytest

from donate.tlog.tiles import split_bundle, tile_of
from donate.tlog.verify import Code, Refused
from tests.tlog.logs import InMemory, a_log, checkpoint_of, publish, verifier

DATA = a_log(700, seed=7)
LOG = publish(DATA)
SAVED = [checkpoint_of(DATA[:size]) for size in (3, 256, 300, 699, 700)]
TILES = sorted(name for name in LOG.files if name.startswith("tile/"))
HASHES = [name for name in TILES if "entries" not in name]
BUNDLES = [name for name in TILES if "entries" in name]


def flipped(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def shorter_or_longer(data: bytes, chance: random.Random) -> bytes:
    return (
        data[: chance.randrange(len(data))]
        if chance.random() < 0.7
        else data + chance.randbytes(chance.choice((1, 32)))
    )


def tile(log: InMemory, chance: random.Random) -> Code:
    name = chance.choice(HASHES)
    log.files[name] = chance.choice((flipped, shorter_or_longer))(log.files[name], chance)
    return Code.TREE


def leaf_bytes(log: InMemory, chance: random.Random) -> Code:
    name = chance.choice(BUNDLES)
    log.files[name] = chance.choice((flipped, shorter_or_longer))(log.files[name], chance)
    return Code.TREE


def missing(log: InMemory, chance: random.Random) -> Code:
    del log.files[chance.choice(TILES)]
    return Code.TREE


def order(log: InMemory, chance: random.Random) -> Code:
    """Two leaves in each other's place, in the bundle alone."""
    name = chance.choice(BUNDLES)
    leaves = split_bundle(log.files[name], tile_of(name).width)
    one, other = chance.sample(range(len(leaves)), 2)
    leaves[one], leaves[other] = leaves[other], leaves[one]
    log.files[name] = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    return Code.TREE


def checkpoint(log: InMemory, chance: random.Random) -> Code:
    data = log.files["checkpoint"]
    log.files["checkpoint"] = chance.choice((flipped, shorter_or_longer))(data, chance)
    return Code.SIGNATURE


def size(log: InMemory, chance: random.Random) -> Code:
    other = chance.choice([number for number in (0, 1, 256, 699, 701, 7000) if number != 700])
    log.files["checkpoint"] = log.files["checkpoint"].replace(b"\n700\n", b"\n%d\n" % other)
    return Code.SIGNATURE


def csv(log: InMemory, chance: random.Random) -> Code:
    head, *rows = log.files["ledger.csv"].splitlines(keepends=True)
    place = chance.randrange(len(rows))
    match chance.randrange(5):
        case 0:
            rows[place] = flipped(rows[place], chance)
        case 1:
            del rows[place]
        case 2:
            rows.insert(place, chance.choice(rows))
        case 3:
            other = chance.choice([number for number in range(len(rows)) if number != place])
            rows[place], rows[other] = rows[other], rows[place]
        case 4:
            rows = rows[:place]
    log.files["ledger.csv"] = head + b"".join(rows)
    return Code.EXPORT


def totals(log: InMemory, chance: random.Random) -> Code:
    head, *rows = log.files["totals.csv"].splitlines(keepends=True)
    place = chance.randrange(len(rows))
    match chance.randrange(3):
        case 0:
            rows[place] = flipped(rows[place], chance)
        case 1:
            rows.insert(place, chance.choice(rows))
        case 2:
            rows[0], rows[-1] = rows[-1], rows[0]
    log.files["totals.csv"] = head + b"".join(rows)
    return Code.EXPORT


def regrown(log: InMemory, chance: random.Random) -> Code:
    """We ourselves change one leaf, grow the tree again and sign it with the true key."""
    data = [*DATA]
    place = chance.randrange(len(data))
    change = chance.randrange(3)
    if change == 0:
        data[place] = flipped(data[place], chance)
    elif change == 1:
        del data[place]
    else:
        data.insert(place, chance.choice(data))
    log.files = publish(data, csv=log.files["ledger.csv"]).files
    return Code.FORK if len(data) < 700 or place < 700 else Code.EXPORT


KINDS = (tile, leaf_bytes, missing, order, checkpoint, size, csv, totals, regrown)


def mutate(count: int, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(count):
        log = LOG.copy()
        kind = KINDS[number % len(KINDS)]
        wanted = kind(log, chance)
        if log.files == LOG.files:
            continue  # a row put in front of its like, say
        codes = (wanted, Code.ACCOUNTING, Code.EXPORT) if kind is regrown else (wanted,)
        with pytest.raises(Refused) as told:
            verifier(log, saved=SAVED).run()
        assert told.value.code in codes, (number, kind.__name__, told.value)


def test_some_hundred_changes_are_all_found() -> None:
    mutate(400, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_changes_are_all_found(seed: int) -> None:
    mutate(2_500, seed=seed + 10)
