"""What `feast apply`, `feast plan` and `feast ui` read: every object that the catalogue of features declares.

Features are declared in dbt_project/models/features/*.yml, services in the same folder's exposures.yml; `lake run`
applies them. The first run writes `feature_store.yaml` into this folder, with the paths of this machine.
"""

from features.feast_definitions import feast_objects

# Feast collects the objects that are names of the module, and ignores a list of them.
globals().update({f"{type(declared).__name__}_{declared.name}": declared for declared in feast_objects()})
