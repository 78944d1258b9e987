"""Power cuts by the thousand: a life is recorded once, and every card it may leave is checked.

`life` lives it, `recorder` (with `vfs` for SQLite) notes each file operation in a `trace`, `card`
makes from it the states that a cut may leave, `verdict` starts the unit on each of them.
"""
