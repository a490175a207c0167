"""What happens to the simulated people over time."""
