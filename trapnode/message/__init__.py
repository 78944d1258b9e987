"""The air format, version 1: this docstring is its specification.

A message fits one 50-byte Iridium credit and LoRaWAN's 51 bytes. All numbers are big-endian.
Who sent it is the modem's word (IMEI, DevEUI), not in the bytes.

    message       = header body [tag]
    header        3 bytes: version (high nibble, 1) and kind (low nibble), counter (low 16 bits)
    body          at most 39 bytes, so that 8 bytes of tag always have room: 3 + 39 + 8 = 50
    tag           8 bytes once messages are sealed; version 1 as it is here carries none

No message begins with ASCII `RB`, which a satellite gateway would route to another modem: the
first byte is 0x11, 0x12 or 0x13.

Kind 1, observations: one to three records of 11 bytes.

    offset  bytes  record
    0       3      observation id, modulo 2^24 (the sequence's number on the unit)
    3       4      time of the trigger, seconds since 1970-01-01T00:00:00Z (good until 2106)
    7       1      label: see LABELS
    8       1      bits 0-6: probability in percent, 127 = not known; bit 7: the clock was trusted
    9       1      bits 0-3: frames (15 = 15 or more); bits 4-7: individuals (0 = not counted,
                   15 = 15 or more): the most that one frame shows
    10      1      bit 0: target; other bits: zero

Kind 2, status: one record of 36 bytes.

    offset  bytes  record
    0       4      time, seconds since 1970-01-01T00:00:00Z
    4       2      battery, mV (0xFFFF = not known)
    6       1      processor temperature, °C, signed (-128 = not known)
    7       2      free space on the card, units of 16 MiB (0xFFFF = that or more)
    9       2      boots so far, modulo 2^16
    11      3      sequences so far, modulo 2^24
    14      3      of these discarded as blank
    17      2      of these observations of a target
    19      2      sequences that wait for the sorter
    21      2      sequences that stayed unclassified
    23      2      reports and messages that wait for the modem
    25      1      wake reason: see WAKE_REASONS
    26      1      bits 0-1: clock trust (0 none, 1 rtc, 2 network)
    27      1      faults, added up: see Faults. 1 station, 2 sorter, 4 uplinker (also messages
                   tried in vain or parked), 8 keeper, 16 console, 32 configuration, 64 card
                   (full or failing, or frames lost), 128 clock not set
    28      1      card: 0 ok, 1 full, 2 failing (it reads back other bytes than were written)
    29      2      sequences whose full pictures made room on a full card
    31      2      of these blanks kept for audit
    33      2      written to the card in a day, MiB (0xFFFF = not known)
    35      1      syncs for each sequence, rounded up (255 = not known)

Kind 3, card failed: one record of 15 bytes. The card takes no more writes, pictures go to RAM, and
no other message is sent: counters can no longer be kept. The header's counter is random here, and
says nothing of order; a receiver drops twins by the nonce.

    offset  bytes  record
    0       4      time, seconds since 1970-01-01T00:00:00Z
    4       1      cause: 0 other, 1 read-only, 2 input/output error, 3 gone, 4 full
    5       2      sequences in RAM
    7       2      of these observations of a target
    9       6      nonce, random

A counter that does not fit its field stays at the field's highest value unless it says modulo.
"""

from trapnode.message.codec import (
    MAX_BODY,
    MAX_MESSAGE,
    MAX_RECORDS,
    Decoded,
    decode,
    pack_message,
    pack_observation,
)
from trapnode.message.health import (
    CardFailure,
    Faults,
    Status,
    pack_card_failure,
    pack_status,
)

__all__ = [
    "MAX_BODY",
    "MAX_MESSAGE",
    "MAX_RECORDS",
    "CardFailure",
    "Decoded",
    "Faults",
    "Status",
    "decode",
    "pack_card_failure",
    "pack_message",
    "pack_observation",
    "pack_status",
]
