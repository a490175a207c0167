{{ attributed('crm', 'customers', 'customer_registered', {'detail': 'status', 'branch_id': 'branch_id'}) }}
union all
{{ attributed('crm', 'consents', 'consent_declared', {'channel': 'channel', 'detail': 'purpose'}) }}
union all
{{ attributed('crm', 'households', 'household_joined', {'detail': 'role'}) }}
