"""Rows of the simulated systems: drawn, shaped by contracts, troubled and written to files."""
