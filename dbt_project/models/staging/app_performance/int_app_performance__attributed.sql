{{ attributed('app_performance', 'requests', 'app_request_answered', {
    'detail': 'endpoint', 'session_id': 'session_id',
}) }}
union all
{{ attributed('app_performance', 'errors', 'app_error_shown', {'detail': 'error_code', 'session_id': 'session_id'}) }}
union all
{{ attributed('app_performance', 'crashes', 'app_crashed', {'detail': 'signal', 'session_id': 'session_id'}) }}
