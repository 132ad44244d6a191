"""Grafana dashboards from typed Python: four pages, one question each (`streams.dashboards.write`)."""
