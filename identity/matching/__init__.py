"""Records to people, as pure functions: no lake, no clock, no state."""
