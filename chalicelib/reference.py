"""The page at ``/docs``: a reader for ``/openapi.json``.

The reader itself is a file of the dashboard's, built from its pinned package, so nothing comes from another host and Lambda
carries none of it. Where only the API is deployed, the page points to the description.
"""

from __future__ import annotations

# Swagger UI sets styles of its own elements, and shows small pictures that it carries itself.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Job Scheduler API</title>
<link rel="icon" href="/favicon.svg">
<link rel="stylesheet" href="/reference/reference.css">
</head>
<body>
<main id="reference"><p>The API is described in <a href="/api/openapi.json">openapi.json</a>.</p></main>
<script type="module" src="/reference/reference.js"></script>
</body>
</html>
"""
