"""`python -m ingestion.sources.voice_of_customer`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.voice_of_customer")
