"""Which pairs of records are compared, and which of them are one person."""
