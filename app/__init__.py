"""The service: HTTP, SQL and pages over the library. It runs from the source tree."""
