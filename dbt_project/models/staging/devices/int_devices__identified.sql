{{ identified('devices', ['registrations', 'readings'], {}) }}
