"""What the uplink costs, computed from the unit's own policy and packing: `make uplink-figures`.

Writes each table of docs/uplink.md between its markers.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.uplink_month import ALL_EVENTS, CREDIT, DAYS, NO_BLANKS, UNBOUND, Month, month
from trapnode.message import FRAGMENT_COST, MAX_FRAGMENT_MESSAGE, MAX_RECORDS, SEALING_COST
from trapnode.message.downlink import Ack, pack_commands
from trapnode.message.header import RANDOM_SIZE, TAG_SIZE
from trapnode.message.health import CARD_FAILURE, STATUS
from trapnode.policy.budget import credits_of
from trapnode.protocols.lorawan import Region, airtime_s, room, silence_s

DOCUMENT = Path(__file__).parents[1] / "docs" / "uplink.md"
BEGIN, END = "<!-- make uplink-figures: {} -->\n", "<!-- end -->"

SPREADING = (12, 11, 10, 9, 8, 7)  # By data rate from DR0, 125 kHz, in all four regions.
SIZES = {
    "1 observation": SEALING_COST + 11,
    "2": SEALING_COST + 22,
    "3": SEALING_COST + 33,
    "status": SEALING_COST + STATUS.size,
}


def _observations() -> Iterator[str]:
    yield "| told | Hack the Planet, in clear | trapnode, sealed | of that the seal |"
    yield "|---|---|---|---|"
    yield f"| 1 photo, 1 event | 10 bytes, 1 credit | {_ours(1)} | {TAG_SIZE} bytes |"
    yield f"| 50 photos, 17 events of 3 | 304 bytes, 7 credits | {_ours(17)} | {_tags(17)} bytes |"
    yield f"| 50 photos, 50 events | 304 bytes, 7 credits | {_ours(50)} | {_tags(50)} bytes |"


def _ours(observations: int) -> str:
    full, rest = divmod(observations, MAX_RECORDS)
    sizes = [SIZES["3"]] * full + [SEALING_COST + 11 * rest] * bool(rest)
    spent, many = sum(credits_of(size, CREDIT) for size in sizes), "s" * (len(sizes) > 1)
    return (
        f"{sum(sizes)} bytes in {len(sizes)} message{many}, {spent} credit{many}"
        f" ({sum(sizes) / observations:.1f} bytes an event)"
    )


def _tags(observations: int) -> int:
    return TAG_SIZE * -(-observations // MAX_RECORDS)


def _months() -> Iterator[str]:
    yield (
        "| events a day | told a day | only counted a day | messages a day | bytes a day"
        " | bytes an observation | credits a month | waiting after it | credits without a budget |"
    )
    yield "|---" * 9 + "|"
    for shares, words in ((ALL_EVENTS, "75 % of them blank"), (NO_BLANKS, "none blank")):
        for events in (30, 300):
            spent, free = month(events, shares), month(events, shares, UNBOUND)
            yield _row(f"{events}, {words}", spent) + f" {free.credits.total()} |"


def _row(name: str, spent: Month) -> str:
    told, waiting = spent.told, sum(1 for each in spent.waiting if each.observation)
    return (
        f"| {name} | {told / DAYS:.1f} | {spent.counted_only / DAYS:.1f}"
        f" | {spent.messages / DAYS:.1f} | {spent.sent_bytes / DAYS:.0f}"
        f" | {spent.sent_bytes / told:.1f} | {spent.credits.total()} | {waiting} |"
    )


def _others() -> Iterator[str]:
    ack = SEALING_COST + len(pack_commands([Ack(1, 0)]))
    preview, most = 1500, MAX_FRAGMENT_MESSAGE - SEALING_COST - FRAGMENT_COST
    pieces = [min(most, preview - start) for start in range(0, preview, most)]
    sizes = [SEALING_COST + FRAGMENT_COST + piece for piece in pieces]
    yield "| message | bytes | credits |"
    yield "|---|---|---|"
    yield f"| status report, each day | {SIZES['status']} | 1 |"
    failed = SEALING_COST + RANDOM_SIZE + CARD_FAILURE.size
    yield f"| the word that the card failed | {failed} | 1 |"
    yield f"| ack of up to 65 messages, down | {ack} | 1, of the downlink |"
    spent = sum(credits_of(size, CREDIT) for size in sizes)
    yield f"| preview of {preview} bytes in {len(sizes)} messages | {sum(sizes)} | {spent} |"


def _lorawan() -> Iterator[str]:
    yield "| region | " + " | ".join(f"DR{rate}" for rate in range(6)) + " |"
    yield "|---" * 7 + "|"
    for region in Region:
        for dwell in (False, True) if region is Region.AS923 else (False,):
            sizes = [room(region, rate, dwell=dwell) for rate in range(6)]
            name = region.value + (", dwell time 400 ms" if dwell else "")
            yield f"| {name} | " + " | ".join(map(_fits, sizes)) + " |"


def _fits(size: int) -> str:
    if not size:
        return "not allowed"
    count = min(MAX_RECORDS, max(0, size - SEALING_COST) // 11)
    status = " and status" if size >= SIZES["status"] else ""
    return f"{size}: {f'{count} obs.' if count else 'nothing sealed'}{status}"


def _airtime() -> Iterator[str]:
    names = [f"{name} ({size} B)" for name, size in SIZES.items()]
    yield f"| spreading | {' | '.join(names)} | messages of 3 an hour at 1 % |"
    yield "|---" * (len(names) + 2) + "|"
    for spreading in SPREADING:
        times = [airtime_s(spreading, size) for size in SIZES.values()]
        each = airtime_s(spreading, SIZES["3"])
        an_hour = 3600 / (each + silence_s(Region.RU864, each))
        cells = " | ".join(f"{1000 * time:.0f} ms" for time in times)
        yield f"| SF{spreading} | {cells} | {an_hour:.0f} |"


TABLES = {
    "observations": _observations,
    "months": _months,
    "others": _others,
    "lorawan": _lorawan,
    "airtime": _airtime,
}


def renewed(text: str) -> str:
    """Give the document with its tables computed anew; raise ValueError where one has no place."""
    for name, rows in TABLES.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END)
        if not end:
            raise ValueError(f"{DOCUMENT}: lacks {BEGIN.format(name)!r} or its {END}")
        text = f"{before}{begin}\n" + "\n".join(rows()) + f"\n\n{end}{after}"
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text("utf-8")), "utf-8")
