"""The simulated people, and how the nine systems see them."""
