{{ feature_table([
    ref('stg_app_performance__requests'),
    ref('stg_app_performance__errors'),
    ref('stg_app_performance__crashes')
]) }}
