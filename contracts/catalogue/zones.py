"""The zones of the lake: the first part of every table's name, and who may read what lies there.

Restricted zones hold direct identifiers. The open ones hold `person_id`, keyed tokens and figures only; modellers may
read them.
"""

BRONZE, QUARANTINE, IDENTITY = "bronze", "quarantine", "identity"
MARTS, FEATURES, OPS = "marts", "features", "ops"

RESTRICTED_ZONES = (BRONZE, QUARANTINE, IDENTITY)
OPEN_ZONES = (MARTS, FEATURES, OPS)
ZONES = RESTRICTED_ZONES + OPEN_ZONES
#: Zones whose tables dbt builds from models of the folder of the same name; identity's other tables are Python's.
#: Models read these zones and bronze, never quarantine or ops.
MODEL_ZONES = (IDENTITY, MARTS, FEATURES)


def zone_of(table: str) -> str:
    """The zone of a table, by its name."""
    return table.partition("/")[0]
