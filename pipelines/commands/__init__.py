"""Groups of `brume` commands: `brume inspection ...`."""
