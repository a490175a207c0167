"""What surrounds the lake: the simulated company (`sandbox`), servers for tests (`services`), worlds of real data.

The product imports nothing of it. What it adds to a lake, `sandbox_command` and `known_world`, is found through the
entry points in pyproject.toml.
"""
