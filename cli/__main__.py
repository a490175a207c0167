"""`python -m cli`, for where the `lake` script is not on the path."""

from cli import main

main()
