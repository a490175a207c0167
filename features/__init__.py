"""What is ours around Feast: the catalogue of declared features and how the lake keeps its feature store current.

Reading needs nothing from here: a modeller opens `FeatureStore(repo_path="feature_repo")`. This package imports
`lake` and `contracts.contract_file` only; Feast itself is imported inside the functions that need it (11 s cold).
"""
