"""This machine: what it lacks (`lake doctor`), and the servers that it runs for the lake (`lake up`)."""
