"""Features: how they are declared, compiled to SQL and built by dbt, and how the lake keeps its Feast store current.

Reading needs nothing from here: a modeller opens `FeatureStore(repo_path="feature_repo")`. The room imports
`contracts`, `lake` and `dbt_project`. Feast (11 s cold) is imported by `feast_definitions` and
inside the functions of `store`.

    declarations, aggregations   the yml of dbt_project/models/features, read and validated; each aggregation once
    compile, build               declaration -> SQL; SQL -> dbt -> feature tables
    catalogue, tables            what people, Feast and the catalogue of tables read of the declarations
    configuration, feast_definitions, store    Feast's configuration, its registry, its online values
"""
