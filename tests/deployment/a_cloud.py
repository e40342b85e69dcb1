"""An account of its own: the emulator with IAM enforced, and databases that ask for passwords.

Three of the templates are others here, because the emulator runs no server of RDS or ElastiCache, serves no CloudFront and knows
no NAT gateway: ``data`` names databases that run already, ``edge`` names the front door, and ``network`` is without what only
Egress=nat has. What they tell is what the real ones tell.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
from psycopg import sql

from infra.aws.stage import TEMPLATES, Stage, find_stage
from infra.local import aws
from infra.local.ports import free_port
from infra.local.programs import base_environment, programs
from infra.local.services import ROOT, Addresses, databases
from infra.local.stack import Ports, Stack

STAGE = "prod"
BUCKET = "job-scheduler-dashboard"
FIRST, TOKEN = "first-password", "first-token"
NAT = re.compile(r"^  (?:NatAddress|Nat|PrivateWayOut):\n(?:    .*\n)+", re.MULTILINE)
PAGE = '<!doctype html><html lang="en"><script src="/assets/app-1a2b3c.js"></script></html>'

DATA = """
Parameters:
  Stage: {{ Type: String }}
  VpcId: {{ Type: String }}
  SubnetIds: {{ Type: String }}
  ClientSecurityGroupId: {{ Type: String }}
  Database: {{ Type: String, Default: instance, AllowedValues: [instance, aurora] }}
  InstanceClass: {{ Type: String, Default: db.t4g.small }}
  StorageGb: {{ Type: Number, Default: 20 }}
  MultiAz: {{ Type: String, Default: "false" }}
  Proxy: {{ Type: String, Default: "no" }}
  CacheNodeType: {{ Type: String, Default: cache.t4g.micro }}
  CacheReplicas: {{ Type: Number, Default: 0 }}
  DeletionProtection: {{ Type: String, Default: "true" }}
Resources:
  DatabaseSecret:
    Type: AWS::SecretsManager::Secret
    Properties: {{ Name: "database-{stage}", SecretString: '{{"username": "scheduler", "password": "{password}"}}' }}
  CacheSecret:
    Type: AWS::SecretsManager::Secret
    Properties: {{ Name: "cache-{stage}", SecretString: '{{"token": "{token}"}}' }}
Outputs:
  DatabaseId: {{ Value: job-scheduler-{stage} }}
  DatabaseDimension: {{ Value: DBInstanceIdentifier }}
  DatabaseHost: {{ Value: 127.0.0.1 }}
  DatabasePort: {{ Value: "{database_port}" }}
  DatabaseName: {{ Value: jobs }}
  DatabaseSecretArn: {{ Value: !GetAtt DatabaseSecret.Id }}
  PreparesStatements: {{ Value: "true" }}
  CacheId: {{ Value: job-scheduler-{stage} }}
  CacheHost: {{ Value: 127.0.0.1 }}
  CachePort: {{ Value: "{cache_port}" }}
  CacheSecretArn: {{ Value: !GetAtt CacheSecret.Id }}
"""

EDGE = """
Parameters:
  Stage: {{ Type: String }}
  RestApiId: {{ Type: String }}
  WebsocketApiId: {{ Type: String }}
  DomainName: {{ Type: String, Default: "" }}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: {bucket}
      PublicAccessBlockConfiguration: {{ BlockPublicPolicy: false, RestrictPublicBuckets: false }}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{{ Effect: Allow, Principal: "*", Action: s3:GetObject, Resource: "arn:aws:s3:::{bucket}/*" }}]
  Distribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - Id: dashboard
            DomainName: !GetAtt Bucket.RegionalDomainName
            S3OriginConfig: {{ OriginAccessIdentity: "" }}
        DefaultCacheBehavior:
          TargetOriginId: dashboard
          ViewerProtocolPolicy: redirect-to-https
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
Outputs:
  BucketName: {{ Value: !Ref Bucket }}
  DistributionId: {{ Value: !Ref Distribution }}
  DistributionDomainName: {{ Value: !GetAtt Distribution.DomainName }}
  Address: {{ Value: "{address}" }}
"""


@dataclass(frozen=True)
class Cloud:
    """Where everything is."""

    home: Path
    stack: Stack
    servers: Addresses

    @property
    def templates(self) -> Path:
        return self.home / "templates"

    @property
    def dist(self) -> Path:
        return self.home / "dist"

    @property
    def database_url(self) -> str:
        """The administrator's way in."""
        return self.servers.database_url

    def environment(self, **more: str) -> dict[str, str]:
        return base_environment() | self.stack.aws_environment() | {"YES": "1", "OPTIONS": ""} | more

    def command(self, command: str, *arguments: str) -> list[str]:
        options = ["--stage", STAGE, "--templates", str(self.templates), "--dist", str(self.dist)]
        return [sys.executable, "-m", "infra.deploy", command, *options, *arguments]

    def run(self, command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(command, *arguments),
            cwd=ROOT,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return make(service, endpoint_url=self.stack.aws_endpoint_url, **keys)

    def change_password(self, password: str) -> None:
        """As RDS does when it rotates its secret: no deployment, and whoever is logged in stays so until cut."""
        secret = json.dumps({"username": "scheduler", "password": password})
        with psycopg.connect(self.database_url, autocommit=True) as administrator:
            administrator.execute(sql.SQL("ALTER ROLE scheduler PASSWORD {}").format(password))
            administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scheduler'")
        self.client("secretsmanager").put_secret_value(SecretId=f"database-{STAGE}", SecretString=secret)


@contextlib.contextmanager
def a_cloud(home: Path) -> Iterator[Cloud]:
    ports = Ports(front=free_port(), aws=free_port(), postgres=0, valkey=0)
    with databases() as servers:
        cloud = Cloud(home, Stack(directory=home / "stack", ports=ports, auth="on"), servers)
        _guard(servers)
        _write_templates(cloud)
        _write_page(cloud.dist)
        with _emulator(cloud):
            yield cloud


def _guard(servers: Addresses) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as administrator:
        ((rules,),) = administrator.execute("SHOW hba_file").fetchall()
        Path(rules).write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        administrator.execute("SELECT pg_reload_conf()")
        administrator.execute(sql.SQL("CREATE ROLE scheduler SUPERUSER LOGIN PASSWORD {}").format(FIRST))


def _write_templates(cloud: Cloud) -> None:
    shutil.copytree(TEMPLATES, cloud.templates)
    database, cache = urlsplit(cloud.servers.database_url).port, urlsplit(cloud.servers.redis_url).port
    data = DATA.format(stage=STAGE, password=FIRST, token=TOKEN, database_port=database, cache_port=cache)
    (cloud.templates / "data.yaml").write_text(data)
    network = (cloud.templates / "network.yaml").read_text()
    (cloud.templates / "network.yaml").write_text(NAT.sub("", network))
    (cloud.templates / "edge.yaml").write_text(EDGE.format(bucket=BUCKET, address=cloud.stack.url))


def _write_page(dist: Path) -> None:
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text(PAGE)
    (dist / "assets" / "app-1a2b3c.js").write_text("export {};\n")


@contextlib.contextmanager
def _emulator(cloud: Cloud) -> Iterator[None]:
    program = next(program for program in programs(cloud.stack) if program.name == "emulator")
    (cloud.stack.directory / "logs").mkdir(parents=True)
    with cloud.stack.log("emulator").open("wb") as log:
        process = subprocess.Popen(
            [*program.command, "--stage", STAGE],
            cwd=program.directory,
            env=base_environment() | program.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        assert aws.wait_until_ready(cloud.stack), cloud.stack.log("emulator").read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)


def the_stage(cloud: Cloud) -> Stage:
    os.environ.update(cloud.stack.aws_environment())
    return find_stage(STAGE, templates=cloud.templates)
