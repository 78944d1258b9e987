"""The English catalogue, the one that is complete.

A line fits 80 columns once it is filled in; `{...}` stands for a value and stays as it is. Words
that are typed (`status`) are never translated.
"""

__all__ = ["TEXTS"]

TEXTS = {
    # The help
    "help": """\
status         is it good to go? one screen; status json: for a program
selftest       PIR, camera, card, radio ... and what to do about each (a minute)
aim            what the camera sees, again and again; Enter ends it
deploy         note who put it up, when and how it stands; never where
collect        note who takes it down
events         what it saw last
queue          what waits for the radio
modem          ask the radio how it is; costs nothing
clock          the time; clock set 2026-11-22 14:30 sets it (local time)
dump           how far the copy to a stick is
log            what the unit said last
unlock, lock   where there is a key: for events, log, clock set, deploy, collect
help           this""",
    # The status screen
    "status.good": "{unit}  GOOD TO GO",
    "status.not": "{unit}  NOT GOOD TO GO, because",
    "status.none": "{unit}  NO STATUS",
    "status.why": "! {fault}",
    "status.more": "! and {number} more: status json has them all",
    "status.stale": "stale {age}: the keeper is silent, this is what it last saw",
    "status.days": "battery: {days} days left, fewer than {least}",
    "row.battery": "battery",
    "row.card": "card",
    "row.clock": "clock",
    "row.trigger": "trigger",
    "row.verdicts": "verdicts",
    "row.pictures": "pictures",
    "row.queue": "queue",
    "row.modem": "modem",
    "row.warmth": "warmth",
    "row.deployed": "deployed",
    "row.selftest": "selftest",
    "row.alive": "alive",
    "row.version": "version",
    "row.stick": "stick",
    "battery": "{volts}{days}{stage}",
    "battery.days": ", about {days} days left",
    "battery.none": "no gauge",
    "card": "{free} free of {total}, {state}, {evicted} evicted, {day} written a day",
    "clock": "{at} UTC, {trust}, seen {age} ago",
    "trigger": "{age} ago, {at} UTC",
    "never": "never",
    "verdicts": "{newest}; {unsorted} unsorted, by {set}",
    "verdicts.locked": "locked; {unsorted} unsorted, by {set}",
    "verdict.none": "none yet",
    "pictures.locked": "{sequences} sequences, {discarded} discarded, {lost} frames lost",
    "pictures": "{sequences} sequences, {targets} of a target, {discarded} discarded, {lost} lost",
    "queue": "{waiting} waiting, {parked} parked, last accepted {accepted}",
    "modem.none": "not heard since power came",
    "modem.said": "{said}, {age} ago",
    "warmth": "{celsius} in the processor",
    "warmth.none": "no thermometer",
    "deployed": "{at} UTC by {by}",
    "deployed.not": "not noted: type deploy",
    "collected": "collected {at} UTC by {by}",
    "selftest.passed": "passed",
    "selftest.failed": "FAILED",
    "selftest.none": "not since power came: type selftest",
    "selftest.was": "{verdict}, {age} ago",
    "alive": "{processes}",
    "version": "trapnode {version}, boot {boot} by {reason}",
    "unknown": "?",
    # The self-test: what is looked at, what was found, what to do
    "test.begins": "selftest of {unit}: about a minute, Enter stops it",
    "test.passed": "pass  {name:<8} {found}",
    "test.failed": "FAIL  {name:<8} {found}",
    "test.todo": "      -> {todo}",
    "test.all": "SELFTEST PASSED: {number} of {number}",
    "test.some": "SELFTEST FAILED: {failed}",
    "test.stopped": "stopped",
    "test.processes": "all five processes live",
    "test.processes.todo": "wait 2 minutes; still so: power off and on; still so: swap the unit",
    "test.clock": "{at} UTC, {trust}",
    "test.clock.todo": "type: clock set YYYY-MM-DD HH:MM (local time of the unit)",
    "test.battery.todo": "put in fresh lithium cells, all twelve at once",
    "test.card": "written and read back, {free} free",
    "test.card.todo": "put in another provisioned card, this one goes back to the desk",
    "test.model": "{set} judges",
    "test.model.none": "no set judges: pictures are kept, none is told",
    "test.model.todo": "wait 2 minutes; still so: it may stay, pictures are kept; tell the desk",
    "test.camera": "brightness {brightness}, focus {focus}",
    "test.camera.dark": "too dark: brightness {brightness}, at least {least}",
    "test.camera.bright": "too bright: {clipped} % of it is white",
    "test.camera.blurred": "not sharp: focus {focus}, at least {least}",
    "test.camera.dark.todo": "take off the lens cap, clean the window; at night: the IR lamp?",
    "test.camera.bright.todo": "turn it away from the sun",
    "test.camera.blurred.todo": "clean the window and the lens; frost? let it dry; then aim",
    "test.camera.todo": "its cable; power off and on; still so: swap the unit",
    "test.walk": "walk to and fro before it now, 3 to 10 m away ({seconds} s)",
    "test.walk.count": "PIR {edges}",
    "test.pir": "{edges} edges while you walked",
    "test.pir.none": "no edge in {seconds} s",
    "test.pir.todo": "did anybody walk? selftest again; still so: its cable; then swap it",
    "test.modem": "{said}",
    "test.modem.off": "none (modem.kind)",
    "test.modem.todo": "aerial on and upright, open sky; its pictures are kept without it",
    "test.silent": "no answer from the {process} in {seconds} s (stale {age})",
    # Aiming
    "aim.begins": "aim: what the camera sees, for {seconds} s; Enter ends it",
    "aim.state": "brightness {brightness}, focus {focus}, PIR {edges}{active}",
    "aim.active": " (sees motion)",
    # The clock
    "clock.now": "{at} UTC, {local} at the unit (UTC{offset}), {trust}",
    "clock.done": "set: {at} UTC",
    # Questions of deploy and collect
    "ask.by": "{n}/{of} Who? Initials or name",
    "ask.height_m": "{n}/{of} Camera above the ground, in m (like 0.5)",
    "ask.heading": "{n}/{of} Where it looks: degrees from north (0-359) or N, NE, E ...",
    "ask.tilt": "{n}/{of} Tilt, in degrees: 0 level, -10 a little down",
    "ask.bait": "{n}/{of} Bait or scent? y or n",
    "ask.feature": "{n}/{of} What is there? A number:",
    "ask.comments": "{n}/{of} Anything else? English letters",
    "ask.default": "{question} [{default}]",
    "ask.feature.choice": "  {number:>2} {feature:<14}",
    "ask.how": "Enter takes what is in [ ], a dot (.) leaves it out, cancel ends it all",
    "ask.date": "noted time: {at} UTC{doubt}",
    "ask.date.doubt": ", but the clock is not set: cancel, clock set",
    "deploy.done": "noted: deployed by {by}. The place stays on your paper, never on the unit.",
    "deploy.next": "next: lock, then pull the cable; the unit goes on by itself",
    "deploy.untested": "no selftest passed since power came: type selftest before you go",
    "collect.done": "noted: collected by {by}. Now switch it off, or plug in a stick.",
    # The lock
    "unlock.nonce": "nonce {nonce} role {role}",
    "unlock.how": "answer: trapnode unlock answer FILE --unit {unit} {nonce}",
    "unlock.done": "unlocked for {minutes} min, or until the cable is out",
    "unlock.free": "no key is configured: nothing is locked",
    "lock.done": "locked",
    # Sticks, queue, log
    "stick.none": "no stick: plug one in (label TRAPNODE), copying begins by itself",
    "queue.none": "nothing waits",
    "log.none": "nothing to show: the journal cannot be read",
    # What goes wrong
    "err.verb": "{line!r} is not understood, try: help",
    "err.locked": "locked: type unlock",
    "err.store": "store: {fault}",
    "err.status": "no status: the keeper has not run since power came",
    "err.stopped": "stopped",
    "err.value": "{value!r}: {wanted}",
    "err.silent": "no answer from the {process} in {seconds} s (stale {age})",
    "err.rate": "too many lines at once, wait {seconds} s",
    "err.wrong": "wrong answer, {left} tries left; type unlock for a new nonce",
    "err.wait": "too many wrong answers, wait {seconds} s",
    "err.nonce": "type unlock first, and answer its nonce",
    "err.selftest": "failed: {failed}",
    "err.cancelled": "cancelled, nothing noted",
    "want.number": "a number from {least:g} to {most:g}",
    "want.heading": "0 to 359, or one of N NE E SE S SW W NW",
    "want.yes": "y or n",
    "want.text": "1 to {most} characters",
    "want.choice": "a number from 1 to {most}",
    "want.time": "a time like 2026-11-22 14:30",
}
