"""Real servers: PostgreSQL, Mosquitto and Redis for `LAKE_SERVICES=1` from packages, Kafka for tests from its archives.

`servers.running` starts them on free loopback ports with data of their own and stops them; `databases.load` fills
PostgreSQL from a sandbox, `live.publish_day` sends its devices' last day over MQTT. `stand_in.serve` does all of it and
says by which `LAKE_SOURCE_*_URL` the lake finds them; `python -m infra.services` keeps it up until interrupted. Nothing
here is needed by the embedded default.
"""
