"""One module per system: from the simulated lives to rows in the shape of the system's contract."""
