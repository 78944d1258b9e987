"""A season of a unit's radio: faulty modems, a bad sky, power cuts, strangers, and the desk."""
