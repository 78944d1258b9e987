"""The sections of the configuration: every option with its default, unit, limits and meaning."""

from typing import Annotated, Literal

from trapnode.config.base import Section
from trapnode.config.base import option as _option
from trapnode.config.pins import default
from trapnode.config.power import Power

__all__ = ["Config", "Modem", "Power", "Section", "Uplink"]

ABSOLUTE = r"^/[^\x00]+\Z"
EUI = r"^([0-9A-Fa-f]{16})?\Z"


class Unit(Section, frozen=True):
    """Who this unit is; never where."""

    name: Annotated[
        str,
        _option("station code, in every file name and record", pattern=r"^[A-Za-z0-9]{1,16}\Z"),
    ] = "TRAP"
    utc_offset_min: Annotated[
        int, _option("fixed offset of local time in pictures", "min", ge=-720, le=840)
    ] = 600


class Paths(Section, frozen=True):
    """Where the unit keeps things."""

    state: Annotated[
        str, _option("folder of the store: rows, frames, previews", pattern=ABSOLUTE)
    ] = "/var/lib/trapnode"
    run: Annotated[str, _option("folder in RAM: doorbells, status snapshot", pattern=ABSOLUTE)] = (
        "/run/trapnode"
    )


class TriggerSection(Section, frozen=True):
    """What wakes us."""

    pir_pin: Annotated[int, _option("GPIO (BCM number) of the PIR", ge=2, le=27)] = default("pir")
    camera_delay_s: Annotated[
        float, _option("time after a trigger in which activity is ignored", "s", ge=0, le=3600)
    ] = 1.0


class Camera(Section, frozen=True):
    """How frames are exposed, and the light that some need."""

    flash_pin: Annotated[
        int, _option("GPIO (BCM number) of the infra-red light, or -1 for none", ge=-1, le=27)
    ] = default("ir_flash")
    focus_m: Annotated[
        float, _option("distance that a lens which moves is set to", "m", ge=0.1, le=100)
    ] = 2.5
    night_exposure_ms: Annotated[
        float, _option("exposure of a frame in our light: shorter is sharper", "ms", ge=0.1, le=60)
    ] = 10.0
    night_gain: Annotated[
        float, _option("highest gain of a frame in our light: lower is cleaner", ge=1, le=22)
    ] = 8.0


class Burst(Section, frozen=True):
    """How many frames a trigger makes."""

    frames: Annotated[int, _option("frames of every burst", ge=1, le=20)] = 3
    frames_max: Annotated[int, _option("most frames while the PIR stays active", ge=1, le=60)] = 12
    interval_s: Annotated[
        float, _option("from one frame of a burst to the next", "s", ge=0, le=10)
    ] = 0.3


class Sorter(Section, frozen=True):
    """How frames are judged."""

    model: Annotated[
        str,
        _option(
            "set in models/, or the path of its card; installed sets come before it", min_length=1
        ),
    ] = "amur"
    frame_max_s: Annotated[
        float, _option("slowest self-test of a set to install, a frame", "s", ge=0.01, le=60)
    ] = 2.0
    memory_max_mib: Annotated[
        int, _option("most memory of a set to install, in its self-test", "MiB", ge=32, le=256)
    ] = 160
    targets: Annotated[
        tuple[str, ...], _option("labels the unit watches for, never discarded lightly")
    ] = ("leopard",)
    blank_least: Annotated[
        float,
        _option("a frame is no blank below this, whatever the set says; 0: as it says", ge=0, le=1),
    ] = 0.0
    audit_share: Annotated[
        float, _option("share of blank sequences kept whole for audit", ge=0, le=1)
    ] = 0.02
    independence_interval_s: Annotated[
        float, _option("sequences closer than this are one event", "s", ge=0, le=86400)
    ] = 1800.0


class Sealing(Section, frozen=True):
    """Who can open the pictures; with nobody named they lie open."""

    recipients: Annotated[
        tuple[str, ...], _option("public halves (age1...) of the keys that open pictures")
    ] = ()


class Modem(Section, frozen=True):
    """The radio; the fields from `region` to `dwell` are LoRaWAN's alone."""

    kind: Annotated[
        Literal["sbd", "lorawan", "none"],
        _option("kind of modem: Iridium 9602/9603, RAK3172, or nothing is told"),
    ] = "sbd"
    port: Annotated[str, _option("serial port of the modem", min_length=1)] = "/dev/ttyAMA0"
    region: Annotated[
        Literal["RU864", "EU868", "AS923", "CN470"],
        _option("LoRaWAN band of the country the unit stands in"),
    ] = "RU864"
    dev_eui: Annotated[
        str, _option("the unit's name in its network, 16 hex digits", pattern=EUI)
    ] = ""
    app_eui: Annotated[str, _option("the network's join server, 16 hex digits", pattern=EUI)] = ""
    app_key: Annotated[
        str, _option("the unit's key in its network, 32 hex digits", secret=True)
    ] = ""
    confirmed: Annotated[
        bool, _option("ask the network to confirm each frame; without, a downlink's ack does")
    ] = False
    dwell: Annotated[
        bool, _option("frames of AS923 may last 400 ms only, as in many of its countries")
    ] = True
    reset_pin: Annotated[
        int, _option("GPIO (BCM number) of the modem's reset, or -1", ge=-1, le=27)
    ] = default("modem_reset")
    sleep_pin: Annotated[
        int, _option("GPIO (BCM number) of the modem's sleep pin, or -1", ge=-1, le=27)
    ] = default("modem_sleep")


class Uplink(Section, frozen=True):
    """What is told, and what that may cost."""

    key: Annotated[
        str,
        _option("key of this card's messages, 32 hex digits; empty: it makes its own", secret=True),
    ] = ""
    generation: Annotated[
        int, _option("number of that key; 0 with an empty key", ge=0, le=0xFFFFFFFF)
    ] = 0
    at_once: Annotated[tuple[str, ...], _option("labels told at once; the rest is batched")] = (
        "leopard",
        "tiger",
        "person",
        "vehicle",
    )
    batch_s: Annotated[
        float, _option("longest wait of a batched observation", "s", ge=0, le=604800)
    ] = 43200.0
    credits_day: Annotated[int, _option("most satellite credits a day", ge=1, le=10000)] = 50
    credits_month: Annotated[int, _option("most satellite credits a month", ge=1, le=100000)] = 400
    energy_day_mwh: Annotated[
        float,
        _option("most energy of the radio a day; targets are exempt", "mWh", ge=1, le=1_000_000),
    ] = 1400.0
    energy_month_mwh: Annotated[
        float,
        _option("most energy of the radio a month; targets are exempt", "mWh", ge=1, le=1_000_000),
    ] = 12000.0
    most_an_hour: Annotated[
        int, _option("most observations of one label told an hour; targets are exempt", ge=1, le=60)
    ] = 6


class Keeper(Section, frozen=True):
    """How the unit looks after itself."""

    status_hour: Annotated[
        int, _option("hour (UTC) in which the daily status report goes", "h", ge=0, le=23)
    ] = 2
    battery: Annotated[str, _option("hwmon name of the battery gauge, or empty for none")] = (
        "ina219"
    )


class Card(Section, frozen=True):
    """How full the card may get; the least valuable goes first, targets never."""

    reserve_mib: Annotated[
        int, _option("room that only rows and messages may use", "MiB", ge=16, le=65536)
    ] = 256
    ahead_mib: Annotated[
        int, _option("room beyond it that is kept free for coming bursts", "MiB", ge=0, le=65536)
    ] = 512
    audit_most: Annotated[
        float, _option("share of the card that blanks kept for audit may hold", ge=0, le=1)
    ] = 0.1


class Console(Section, frozen=True):
    """The technician's cable."""

    port: Annotated[str, _option("serial port of the console", min_length=1)] = "/dev/ttyGS0"
    key: Annotated[
        str,
        _option("this unit's key for technicians, 64 hex digits; without it nothing is locked"),
    ] = ""
    language: Annotated[
        str,
        _option(
            "language of its texts: en, ru, zh, or a catalogue dropped in", pattern=r"^[a-z]{2}\Z"
        ),
    ] = "en"


class Stick(Section, frozen=True):
    """Who may carry pictures away on a stick, and the LED that says when it may be pulled."""

    key: Annotated[
        str,
        _option(
            "this unit's key for sticks, 64 hex digits; without it only sealed pictures go",
            secret=True,
        ),
    ] = ""
    led: Annotated[
        str, _option("LED in /sys/class/leds, or empty for none", pattern=r"^[^/\x00]*\Z")
    ] = "ACT"


class Config(Section, frozen=True):
    """The whole configuration; every default takes pictures."""

    unit: Unit = Unit()
    paths: Paths = Paths()
    trigger: TriggerSection = TriggerSection()
    camera: Camera = Camera()
    burst: Burst = Burst()
    sorter: Sorter = Sorter()
    sealing: Sealing = Sealing()
    modem: Modem = Modem()
    uplink: Uplink = Uplink()
    keeper: Keeper = Keeper()
    power: Power = Power()
    card: Card = Card()
    console: Console = Console()
    stick: Stick = Stick()
