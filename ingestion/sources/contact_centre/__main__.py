"""`python -m ingestion.sources.contact_centre`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.contact_centre")
