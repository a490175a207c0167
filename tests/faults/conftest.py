"""Fixtures of landing: an empty lake (`home`) and a small source whose contract a test can change (`shop`)."""

from tests.landing_lake import home, shop

__all__ = ["home", "shop"]
