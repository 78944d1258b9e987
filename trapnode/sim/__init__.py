"""A simulated twin of each device, shipped in the package, obeying the rules of the hardware."""
