"""The page at ``/docs``: a reader for ``/openapi.json``.

The reader itself is a file of the dashboard's, built from its pinned package, so nothing comes from another host and Lambda
carries none of it. Until it has come, and where only the API is deployed, the page says itself how to go on.
"""

from __future__ import annotations

# Swagger UI shows small pictures that it carries itself.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Job Scheduler API</title>
<link rel="icon" href="/favicon.svg">
<link rel="stylesheet" href="/reference/reference.css">
</head>
<body>
<header class="masthead">
<strong>Job Scheduler <span>API reference</span></strong>
<nav><a href="openapi.json">openapi.json</a> <a href="/">Dashboard</a></nav>
</header>
<main id="reference">
<h1>Job Scheduler API</h1>
<p>Every operation is described in <a href="openapi.json">openapi.json</a> (OpenAPI 3.1). The page to read it on comes with
the dashboard. If it does not appear, the dashboard is not deployed here, or scripts are off: then any tool that reads OpenAPI
shows the same.</p>
<p>A first call, with a key where the API wants one:</p>
<pre>curl -H "Authorization: Bearer js_…" <span>…/api/jobs?limit=10</span></pre>
</main>
<script type="module" src="/reference/reference.js"></script>
</body>
</html>
"""
