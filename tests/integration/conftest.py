"""Fixtures of landing: an empty lake (`home`), a source whose contract a test can change (`shop`), an S3 store."""

from collections.abc import Iterator

import pytest

from infra.services import object_store
from tests.landing_lake import home, shop

__all__ = ["home", "shop", "store"]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Address of an S3 store."""
    with object_store.running() as address:
        yield address
