"""Tables and drops in S3: access, objects and leases."""
