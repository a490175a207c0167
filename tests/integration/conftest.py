"""Fixtures of landing: an empty lake (`home`), a source whose contract a test can change (`shop`), an S3 store.

And a person page of five people (`person_page`), with what a browser sends it (`visitor`).
"""

from collections.abc import Iterator

import pytest

from infra.services import object_store
from tests.integration.person_lake import person_page, visitor
from tests.landing_lake import home, shop

__all__ = ["home", "person_page", "shop", "store", "visitor"]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Address of an S3 store."""
    with object_store.running() as address:
        yield address
