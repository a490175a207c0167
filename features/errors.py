"""The error of a declaration that cannot be used."""

from typing import NoReturn

from contracts.errors import LakeError


class CatalogError(LakeError):
    """A declaration of features cannot be used as written."""

    exit_code = 2


def reject(place: str, expected: str) -> NoReturn:
    """Raise the error: `place` names the file and what is declared there, `expected` what it should have."""
    raise CatalogError(f"{place}: should have {expected}", cure="correct the declaration")
