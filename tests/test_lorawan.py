"""LoRaWAN's numbers, against the tables and figures that others published."""

import pytest

from trapnode.protocols.lorawan import LARGEST, Region, airtime_s, room, silence_s


@pytest.mark.parametrize(
    ("region", "dwell", "sizes"),
    [
        (Region.RU864, True, [51, 51, 51, 115, 242, 242, 242, 242]),
        (Region.EU868, False, [51, 51, 51, 115, 242, 242, 242, 242]),
        (Region.AS923, False, [51, 51, 115, 115, 242, 242, 242, 242]),
        (Region.AS923, True, [0, 0, 11, 53, 125, 242, 242, 242]),
        (Region.CN470, True, [0, 23, 86, 184, 242, 242, 242, 242]),
    ],
)
def test_the_room_of_a_frame_is_the_regions(region, dwell, sizes):
    assert [room(region, rate, dwell=dwell) for rate in range(8)] == sizes
    assert max(sizes) == LARGEST


@pytest.mark.parametrize(
    ("spreading", "size", "ms"), [(12, 24, 1974), (12, 51, 2794), (9, 24, 267), (7, 51, 118)]
)
def test_the_time_on_the_air_is_semtechs(spreading, size, ms):
    assert airtime_s(spreading, size) * 1000 == pytest.approx(ms, abs=1)


def test_a_slow_frame_silences_a_band_of_one_percent_for_minutes():
    assert silence_s(Region.RU864, airtime_s(12, 24)) == pytest.approx(195, abs=1)
    assert silence_s(Region.CN470, airtime_s(12, 24)) == 0
