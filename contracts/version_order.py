"""Which of two versions of a record is the newer one: the rule that landing, staging, features and consents share.

SQL in Python takes it from `version_order`; dbt's macros take the same list from the derived sources
(`meta.version_order`, written by `dbt_project/sources.py`).
"""

from contracts.contract_file import Entity


def version_order(entity: Entity) -> tuple[str, ...]:
    """The columns of a bronze table that order the versions of a record, the most significant first, oldest to newest.

    What the source made available last is the newest; then its own clock of changes decides, where the contract names
    one (`watermark`); the hash of the content breaks a tie, so that the order of arrival never matters.
    """
    watermark = (entity.watermark,) if entity.watermark else ()
    return ("known_at", *watermark, "content_hash", "batch_id")
