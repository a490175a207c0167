"""The names of the tables that are not derived from a contract or a feature, as the code uses them.

A name is written here and nowhere else in Python; a test holds these names to the declarations. Tables of bronze and
quarantine are named by their entity (`Entity.table`, `Entity.quarantine_table`), feature tables by their group
(`FeatureGroup.table`).
"""

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
JOURNEY_EVENTS = "marts/journey_events"
UNRESOLVED_RECORDS = "marts/unresolved_records"

ACCESS_LOG = "ops/access_log"
IDENTITY_QUALITY = "ops/identity_quality"
IDENTITY_RUNS = "ops/identity_runs"
LAYOUT = "ops/layout"
QUALITY_RESULTS = "ops/quality_results"
RUNS = "ops/runs"
