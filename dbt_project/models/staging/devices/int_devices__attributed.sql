-- The value of a reading is health data and stays in staging.
{{ attributed('devices', 'readings', 'device_read', {'channel': 'kind', 'detail': 'metric'}) }}
union all
{{ attributed('devices', 'registrations', 'device_registered', {'channel': 'kind'}) }}
