"""What is true about a simulated world, written apart from its systems, and lakes compared with it."""
