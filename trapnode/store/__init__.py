"""The card: one SQLite file and dated folders of frames. The only place that knows SQL and layout.

STATE/trapnode.db                                      rows (WAL, synchronous=FULL)
STATE/archive/2026/11/22/NAME.jpg, NAME.preview.jpg    frames and previews, whole once named so
STATE/archive/2026/11/22/NAME.jpg.MARK.age             the same, sealed: where keys are configured
STATE/quarantine/                                      what is torn or broken: the oldest goes first
STATE/counters                                         no message counter has reached this number
STATE/sealing.json                                     the key of the marks, the recipients
STATE/last-good.toml                                   the last configuration that was good
RUN/NAME.bell, RUN/NAME.beat, RUN/status.json          in RAM: doorbells, heartbeats, snapshot
RUN/card.failed, RUN/store/                            in RAM: once the card takes no more writes
RUN/copies/                                            in RAM: open copies of sealed pictures
"""
