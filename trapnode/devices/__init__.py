"""Real devices: the only importers of hardware and runtime libraries."""
