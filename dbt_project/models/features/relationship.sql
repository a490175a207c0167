{{ feature_table([
    ref('stg_crm__customers'),
    ref('stg_crm__consents'),
    ref('stg_crm__households')
]) }}
