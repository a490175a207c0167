"""What `feast apply`, `feast plan` and `feast ui` read: every object that the catalogue of features declares.

Features are declared in dbt_project/models/features/*.yml, services in exposures.yml beside them; `lake run` applies
them. `feature_store.yaml` is written here by the first run, with the paths of this machine.
"""

from features.feast_definitions import feast_objects

# Feast collects the module's own names; a list of objects would be passed over.
globals().update({f"{type(thing).__name__}_{thing.name}": thing for thing in feast_objects()})
