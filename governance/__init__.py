"""Consent, access and the access log."""
