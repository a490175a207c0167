{{ identified('app_performance', ['requests', 'errors', 'crashes'], {}) }}
