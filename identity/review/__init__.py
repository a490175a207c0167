"""What people decide about pairs of records, and what they see when they decide."""
