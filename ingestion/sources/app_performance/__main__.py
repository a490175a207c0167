"""`python -m ingestion.sources.app_performance`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.app_performance")
