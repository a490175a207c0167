"""The names of the tables, as the code uses them: written here and nowhere else in Python.

A test compares the constants with the declarations. Derived tables are named by what they are derived from
(`Entity.table`, `Entity.quarantine_table`, `FeatureGroup.table`), and those take the name from the functions here.
"""

from contracts.catalogue import zones

PERSON_RECORDS = "identity/person_records"
PERSON_LINKS = "identity/person_links"
PERSON_EVENTS = "identity/person_events"
PERSON_INDEX = "identity/person_index"
PERSON_STATISTICS = "identity/person_statistics"
PERSON_REVIEWS = "identity/person_reviews"
PERSON_LABELS = "identity/person_labels"
PERSON_MODELS = "identity/person_models"
PERSON_CONTACT = "identity/person_contact"
PERSON_IDENTIFIERS = "identity/person_identifiers"

PERSON_PROFILE = "marts/person_profile"
PERSON_HOUSEHOLDS = "marts/person_households"
PERSON_CONSENTS = "marts/person_consents"
JOURNEY_EVENTS = "marts/journey_events"
UNRESOLVED_RECORDS = "marts/unresolved_records"

ACCESS_LOG = "ops/access_log"
IDENTITY_QUALITY = "ops/identity_quality"
IDENTITY_RUNS = "ops/identity_runs"
LAKE_LAYOUT = "ops/layout"
QUALITY_RESULTS = "ops/quality_results"
RUNS = "ops/runs"


def bronze_name(source: str, entity: str) -> str:
    """The table that an entity lands in."""
    return f"{zones.BRONZE}/{source}/{entity}"


def quarantine_name(source: str, entity: str) -> str:
    """The table of an entity's rejected records."""
    return f"{zones.QUARANTINE}/{source}/{entity}"


def feature_name(group: str) -> str:
    """The table of a group of features."""
    return f"{zones.FEATURES}/{group}"
