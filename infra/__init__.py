"""What surrounds the lake: the simulated company (`sandbox`), servers for tests (`services`), worlds of real data."""
