"""The air format, version 1: this docstring is its specification.

All but a preview's fragment fits one 50-byte Iridium credit and LoRaWAN's 51 bytes. All numbers are
big-endian. Who sent a message is the modem's word (IMEI, DevEUI), not in the bytes.

    message       = header sealed-body tag
    header        3 bytes, in clear: version (high nibble, 1) and kind (low nibble), counter (its
                  low 16 bits). Kinds 1 to 7 go up to people, 8 to 15 go down to the unit
    sealed-body   as long as the body: 1 to 39 bytes, so that 3 + 39 + 8 = 50; of a fragment to 329
    tag           8 bytes

No message begins with ASCII `RB`, which a satellite gateway would route to another modem: its
first byte is 0x11 to 0x16, or 0x18.

The seal
--------
AES-128-CCM (RFC 3610, NIST SP 800-38C) with a tag of 8 bytes (M = 8) and a length of 2 (L = 2). The
key is the card's: 16 bytes, known to this card and to the receiver. What is authenticated beside
the body is the header. The nonce is 13 bytes:

    offset  bytes  nonce of all kinds but 3
    0       1      direction: 0x55 `U` up, 0x44 `D` down
    1       4      card generation, from 1
    5       4      zero
    9       4      counter, from 1 to 2^32-1: one for what goes up, one for what goes down

    offset  bytes  nonce of kind 3, card failed
    0       1      0x46 `F`
    1       4      card generation
    5       2      the header's counter, random
    7       6      random, in clear between header and sealed body

A counter is used once with a key, for ever: its use is durable before the message leaves. A card
has a generation and a key of its own, so that a swapped card is a new sender that begins at 1.

Kinds that go up
----------------
Kind 1, observations: one to three records of 11 bytes, so one observation is 22 bytes in all.

    offset  bytes  record
    0       3      observation id, modulo 2^24 (the sequence's number on the unit)
    3       4      time of the trigger, seconds since 1970-01-01T00:00:00Z (good until 2106)
    7       1      label: see LABELS; 255 = another
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
    26      1      bits 0-1: clock trust (0 none, 1 rtc, 2 network); boots that did not end by the
                   unit's own will, bits 2-5: for power was lost (brown-out, battery pulled), modulo
                   16; bits 6-7: for the watchdog reset the machine, modulo 4
    27      1      faults, added up: see Faults. 1 station, 2 sorter, 4 uplinker (also messages
                   tried in vain or parked), 8 keeper, 16 console, 32 configuration, 64 card
                   (full or failing, or frames lost), 128 clock not set
    28      1      bits 0-3: card: 0 ok, 1 full, 2 failing (it reads back other bytes than were
                   written); bits 4-7: battery's stage: 0 full, 1 fewer, 2 no_previews, 3 targets,
                   4 status, 5 off
    29      2      sequences whose full pictures made room on a full card
    31      2      of these blanks kept for audit
    33      2      written to the card in a day, MiB (0xFFFF = not known)
    35      1      syncs for each sequence, rounded up (255 = not known)

Kind 3, card failed: one record of 9 bytes, 26 in all. The card takes no more writes, pictures go
to RAM, and no other message is sent: counters can no longer be kept. The header's counter is random
and says nothing of order.

    offset  bytes  record
    0       4      time, seconds since 1970-01-01T00:00:00Z
    4       1      cause: 0 other, 1 read-only, 2 input/output error, 3 gone, 4 full
    5       2      sequences in RAM
    7       2      of these observations of a target

Kind 4, suppressed: how many observations were not told one by one, to spare the radio.

    offset  bytes  body
    0       4      since when, seconds since 1970-01-01T00:00:00Z
    4       3 n    n = 1 to 11 counts: label (1 byte, each once), number (2 bytes). Labels
                   that do not fit are added up as label 255

Kind 5, answer: what became of a downlink's commands, in their order. Acks have no outcome, and a
downlink of acks alone no answer: it would be one more message to acknowledge.

    offset  bytes  body
    0       4      the downlink's counter
    4       2      for each command: its code; 0 applied, 1 refused, 2 unknown, 3 out of range
            5      of `set` also: the setting (1 byte), and its value now in force (4 bytes,
                   signed, scaled as in Setting; 0 of a setting that is not known)

Kind 6, fragment of a sequence's radio preview. Fragments come in any order, may overlap, and are as
long as the modem carries: 340 bytes of message at most.

    offset  bytes  body
    0       3      sequence, modulo 2^24
    3       2      offset of the first byte
    5       2      bytes of the whole preview
    7       1..322 bytes of the preview

Kinds that go down
------------------
Kind 8, commands: one after the other, each its code (1 byte) and arguments; 39 bytes at most, and
no more of them than one answer can tell. They take effect in their order. A command that is not
known ends the reading: it is answered as unknown, what follows it is not answered.

    code  bytes  arguments
    1     11     ack: highest counter that arrived (3 bytes, below 2^24); 64 bits, of which bit i
                 (0 is the least) says that counter highest - 1 - i arrived, too. A clear bit
                 says that it surely has not
    2     0      send status
    3     7      send preview: sequence (3 bytes), offset (2), length (2; 0 = to the end)
    4     5      set: setting (1 byte), value (4 bytes, signed)
    5     4      set time, seconds since 1970-01-01T00:00:00Z
    6     0      reboot

    setting  configuration               unit of the value
    1        keeper.status_hour          hour (UTC)
    2        uplink.batch_s              s
    3        uplink.credits_day          credits
    4        uplink.credits_month        credits
    5        sorter.audit_share          per mille
    6        burst.frames                frames
    7        trigger.camera_delay_s      ms
    8        uplink.most_an_hour         observations of one label
    9        power.linger_s              s
    10       sorter.blank_least          per mille

No command moves a threshold of the set that judges, but towards keeping more: `blank_least` counts
only where it is above the set's own. What is to be discarded sooner is a person's choice, at the
unit, of another set.

The limits of a value are the configuration's own.

What a receiver does
--------------------
1. It tries the keys of the cards that the modem's unit may hold, newest first. What no key opens
   it keeps as it came: a key that comes later may open it. A revoked card's message it refuses.
2. Of a card it knows the highest counter so far, 0 at first. The whole counter of a message is the
   one with the header's low 16 bits that is nearest to it; if the message is not authentic with
   that, the one 2^16 above or below. So 2^16 messages in a row may be lost and the next be read.
3. Messages may come late, out of order, and twice. Of each card it remembers at least 64 counters
   with the bytes that came. Same counter, same bytes: a twin, dropped. Same counter, other bytes,
   authentic: a card restored from an image; refused and alarmed, for its nonces repeat. A counter
   below all that it remembers it refuses.
4. A message that the card failed has no counter: a twin is one of the same bytes.
5. An observation may be told again under a new counter: twins are known by card generation and id.

What a unit does
----------------
A downlink is taken if it is authentic with the card's key and its counter is above the last one
taken, by 2^20 at most: the nearest with the header's low 16 bits is tried first. That counter is
durable before any command takes effect. What is refused has no effect, and is counted. An ack of a
counter that it never used says that its card was restored from an image: it counts on 101 above.

What changes
------------
A number that does not fit its field stays at the field's highest value unless it says modulo. Codes
are appended, never used anew. An unknown version, kind, code or bit is refused, never guessed.
"""

from trapnode.message.answer import Answer, Outcome, Result, pack_answer
from trapnode.message.codec import Told, read_body
from trapnode.message.fragment import FRAGMENT_COST, Fragment, pack_fragment
from trapnode.message.header import (
    MAX_BODY,
    MAX_COUNTER,
    MAX_FRAGMENT_MESSAGE,
    MAX_MESSAGE,
    SEALING_COST,
    Header,
    read_header,
)
from trapnode.message.health import (
    CardFailure,
    Faults,
    Status,
    pack_card_failure,
    pack_status,
)
from trapnode.message.observations import (
    MAX_RECORDS,
    ObservationRecord,
    Suppressed,
    pack_observation,
    pack_observations,
    pack_suppressed,
)

__all__ = [
    "FRAGMENT_COST",
    "MAX_BODY",
    "MAX_COUNTER",
    "MAX_FRAGMENT_MESSAGE",
    "MAX_MESSAGE",
    "MAX_RECORDS",
    "SEALING_COST",
    "Answer",
    "CardFailure",
    "Faults",
    "Fragment",
    "Header",
    "ObservationRecord",
    "Outcome",
    "Result",
    "Status",
    "Suppressed",
    "Told",
    "pack_answer",
    "pack_card_failure",
    "pack_fragment",
    "pack_observation",
    "pack_observations",
    "pack_status",
    "pack_suppressed",
    "read_body",
    "read_header",
]
