"""`python -m ingestion.sources.web_app`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.web_app")
