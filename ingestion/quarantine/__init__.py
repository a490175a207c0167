"""Rejected records: how they are stored, inspected and replayed."""
