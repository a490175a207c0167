{{ feature_table([
    ref('stg_service_delivery__deliveries'),
    ref('stg_service_delivery__cancellations'),
    ref('stg_service_delivery__claims'),
    ref('stg_service_delivery__claim_steps')
]) }}
