"""One address for everything, by nginx: `/` dashboard, `/api/…` HTTP, `/ws` WebSocket, as in the cloud.

On a laptop without containers the emulator's launcher does the same (``infra.local.front_door``). Here it is a server of its
own, since the emulator may be LocalStack.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from infra.local import deploy
from infra.local.names import BUCKET
from infra.local.stack import Stack

# Paths go on as they came: a job's or a queue's name may hold what nginx would decode. Queries stay outside of the bucket, to
# which they would be commands.
_TEMPLATE = """\
upstream emulator {{
    server {host};
    keepalive 16;
}}
map $http_upgrade $connection_upgrade {{
    default upgrade;
    '' '';
}}
server {{
    listen {port};
    server_tokens off;
    client_max_body_size 6m;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Upgrade $http_upgrade;

    location = /ws {{
        proxy_pass http://emulator/_aws/execute-api/{websocket_api}/api$is_args$args;
        proxy_read_timeout 2h;
    }}
    location = /api {{
        proxy_pass http://emulator/_aws/execute-api/{rest_api}$request_uri;
    }}
    location /api/ {{
        proxy_pass http://emulator/_aws/execute-api/{rest_api}$request_uri;
        proxy_read_timeout 30s;
    }}
    location / {{
        if ($request_method !~ ^(GET|HEAD)$) {{ return 405; }}
        proxy_set_header Host {host};
        proxy_hide_header x-amz-request-id;
        proxy_intercept_errors on;
        error_page 403 404 = @nowhere;
        rewrite ^(.*)/$ $1/index.html;
        set $args '';
        rewrite ^ /{bucket}$uri break;
        proxy_pass http://emulator;
    }}
    location @nowhere {{
        default_type text/html;
        add_header Cache-Control no-store always;
        return 404 '<!doctype html><title>Not found</title><h1>Not found</h1><p>The <a href="/">dashboard</a> is at the top.</p>';
    }}
}}
"""


def configuration(stack: Stack, port: int) -> str:
    """nginx's, for what Chalice has deployed."""
    return _TEMPLATE.format(
        host=urlsplit(stack.aws_endpoint_url).netloc,
        port=port,
        rest_api=_id_of("rest_api"),
        websocket_api=_id_of("websocket_api"),
        bucket=BUCKET,
    )


def _id_of(kind: str) -> str:
    return next(each[f"{kind}_id"] for each in deploy.API.deployed() if each["resource_type"] == kind)
