"""The launcher of the AWS emulator on free ports, without databases or functions."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3

from infra.local.ports import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[1]


class Running:
    """The emulator's address and the front door's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.front_port = free_port(), free_port()

    def client(self, service: str, key: str = "test") -> Any:
        make: Any = boto3.client
        keys = {"aws_access_key_id": key, "aws_secret_access_key": key, "region_name": "us-east-1"}
        return make(service, endpoint_url=f"http://{LOOPBACK}:{self.port}", **keys)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "infra.local.emulator", "--front-port", str(self.front_port)]
        command += ["--functions-log", str(self.home / "functions.log")]
        process = subprocess.Popen(command, cwd=ROOT, env=self._environment(), stderr=subprocess.DEVNULL)
        self._wait()
        return process

    def call(self, path: str, *, method: str = "GET", port: int | None = None) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(f"http://{LOOPBACK}:{port or self.front_port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}, error.read()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if self.call("/_ministack/ready", port=self.port)[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        own = {"GATEWAY_PORT": str(self.port), "BIND_HOST": LOOPBACK, "AUTH": "true", "PERSIST_STATE": "1"}
        places = {"TMPDIR": "tmp", "STATE_DIR": "state", "S3_DATA_DIR": "s3"}
        off = {"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "S3_PERSIST": "1"}
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        paths = {name: str(self.home / place) for name, place in places.items()}
        return {"PATH": os.environ["PATH"]} | own | off | keys | paths
