"""Sans-I/O dialogues: bytes and answers in, bytes and values out; no port, no clock."""
