"""What functions do with AWS, each as a call of the code that does it; and who does what, by policy.

``Account`` is an emulator with IAM enforced, where a policy is tried by a role that has nothing else.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import botocore.session
import redis
from boto3.session import Session
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from chalicelib.errors import ConnectionGone, GatewayUnavailable, GiveUp, WorkerUnreachable
from chalicelib.gateway import Gateway
from chalicelib.handlers.registry import JobContext
from chalicelib.handlers.sources import opened
from chalicelib.resources import _secret
from chalicelib.waker import Waker

Statement = Mapping[str, Any]
Calls = Mapping[str, Callable[[], object]]

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
BUCKET = "policies-sources"
ROLE = "tried"
LOG_STREAM = "a-container"
OTHERS_SECRET = "job-scheduler/other"
OTHERS = "somebody-elses"
TRUST = {"Effect": "Allow", "Principal": {"AWS": "*", "Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
MODELS = Loader()
REFUSED = {"AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True, kw_only=True)
class Party:
    """A role, and what its functions do: the names of calls in ``Account.uses``."""

    stage: str
    statements: list[Statement]
    uses: frozenset[str]
    secrets: tuple[str, ...]
    functions: tuple[str, ...]

    @property
    def log_groups(self) -> list[str]:
        return [f"/aws/lambda/{function}" for function in self.functions]

    @property
    def worker(self) -> str:
        return f"job-scheduler-worker-{self.stage}-run"


class Account:
    """One emulator's account."""

    def __init__(self, endpoint: str, cache: redis.Redis) -> None:
        self.endpoint = endpoint
        self._cache = cache
        self._owner = _session("test", "test")
        self._api_id = self.client("apigatewayv2").create_api(Name="tried", ProtocolType="WEBSOCKET")["ApiId"]
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        self.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
        self.secret(OTHERS_SECRET)
        self._function(OTHERS)
        self._log_group(f"/aws/lambda/{OTHERS}")
        self.client("s3").create_bucket(Bucket=BUCKET)
        self.client("s3").put_object(Bucket=BUCKET, Key="a.csv", Body=b"a\n1\n")

    def client(self, service: str) -> Any:
        """As the account's owner."""
        return self._of(self._owner, service)

    def secret(self, name: str) -> str:
        """Its ARN."""
        secrets = self.client("secretsmanager")
        with contextlib.suppress(secrets.exceptions.ResourceExistsException):
            secrets.create_secret(Name=name, SecretString="{}")
        arn: str = secrets.describe_secret(SecretId=name)["ARN"]
        return arn

    def prepare(self, party: Party) -> None:
        """What its calls need to be there."""
        for name in (*party.secrets, f"{party.secrets[0]}-two"):
            self.secret(name)
        self._function(party.worker)
        for group in party.log_groups:
            self._log_group(group)

    def session(self, statements: list[Statement]) -> Session:
        """Of a role that has these permissions alone."""
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.client("iam").put_role_policy(RoleName=ROLE, PolicyName="tried", PolicyDocument=document)
        arn = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE}"
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="tries")["Credentials"]
        return _session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def uses(self, session: Session, party: Party) -> Calls:
        """What functions do, by name."""
        waker = Waker(self._cache, lambda: self._of(session, "lambda"), party.worker)
        gateway, logs = self._gateway(session), self._of(session, "logs")
        return {
            **{f"read {name}": partial(_secret, {"SETTINGS_SECRET_ID": name}) for name in party.secrets},
            "wake the worker": lambda: self._wake(waker),
            "send a frame": lambda: gateway.send(self._api_id, "api", "gone", b"{}"),
            "cut a connection": lambda: gateway.cut(self._api_id, "api", "gone"),
            "read a source": lambda: _read(f"s3://{BUCKET}/a.csv"),
            **{f"make {group}": partial(_make_log_group, logs, group) for group in party.log_groups},
            **{f"begin {group}": partial(_make_log_stream, logs, group) for group in party.log_groups},
            **{f"write {group}": partial(_log, logs, group) for group in party.log_groups},
        }

    def trespasses(self, session: Session, party: Party) -> Calls:
        """What none of them is to do."""
        secrets, lambdas, logs = (self._of(session, name) for name in ("secretsmanager", "lambda", "logs"))
        s3, iam, gateway = self._of(session, "s3"), self._of(session, "iam"), self._gateway(session)
        settings = party.secrets[0]
        return {
            "read another secret": lambda: secrets.get_secret_value(SecretId=OTHERS_SECRET),
            "read a longer named stage's": lambda: secrets.get_secret_value(SecretId=f"{settings}-two"),
            "change its settings": lambda: secrets.put_secret_value(SecretId=settings, SecretString="{}"),
            "invoke another function": lambda: lambdas.invoke(FunctionName=OTHERS),
            "change the worker": lambda: lambdas.update_function_configuration(FunctionName=party.worker, Timeout=1),
            "post to another stage": lambda: gateway.send(self._api_id, "other", "gone", b"{}"),
            "write an object": lambda: s3.put_object(Bucket=BUCKET, Key="b.csv", Body=b""),
            "delete an object": lambda: s3.delete_object(Bucket=BUCKET, Key="b.csv"),
            "list objects": lambda: s3.list_objects_v2(Bucket=BUCKET),
            "log as another": lambda: _log(logs, f"/aws/lambda/{OTHERS}"),
            "read logs": lambda: logs.filter_log_events(logGroupName=party.log_groups[0]),
            "give itself more": lambda: iam.put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument="{}"),
        }

    def refusals(self, statements: list[Statement], party: Party) -> set[str]:
        """Of all uses, those that IAM refuses to who may do this alone."""
        session = self.session(statements)
        with self._default(session):
            return {name for name, call in self.uses(session, party).items() if is_refused(call)}

    def permitted_trespasses(self, party: Party) -> set[str]:
        session = self.session(party.statements)
        return {name for name, call in self.trespasses(session, party).items() if not is_refused(call)}

    @contextlib.contextmanager
    def _default(self, session: Session) -> Iterator[None]:
        """For code that makes its clients itself."""
        before = boto3.DEFAULT_SESSION, os.environ.get("AWS_ENDPOINT_URL")
        boto3.DEFAULT_SESSION, os.environ["AWS_ENDPOINT_URL"] = session, self.endpoint
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = before[0]
            os.environ.pop("AWS_ENDPOINT_URL")
            if before[1] is not None:
                os.environ["AWS_ENDPOINT_URL"] = before[1]

    def _wake(self, waker: Waker) -> None:
        self._cache.flushall()  # it would not wake it twice in two seconds
        waker.wake()

    def _gateway(self, session: Session) -> Gateway:
        return Gateway(f"{self.endpoint}/_aws/execute-api/{{api_id}}/{{stage}}", lambda: session)

    def _function(self, name: str) -> None:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as zipped:
            zipped.writestr("app.py", "def handler(event, context):\n    return {}\n")
        made = {"Runtime": "python3.11", "Handler": "app.handler", "Role": f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE}"}
        lambdas = self.client("lambda")
        with contextlib.suppress(lambdas.exceptions.ResourceConflictException):
            lambdas.create_function(FunctionName=name, Code={"ZipFile": code.getvalue()}, **made)

    def _log_group(self, name: str) -> None:
        _make_log_group(self.client("logs"), name)
        _make_log_stream(self.client("logs"), name)

    def _of(self, session: Session, service: str) -> Any:
        make: Any = session.client
        return make(service, endpoint_url=self.endpoint)


def is_refused(call: Callable[[], object]) -> bool:
    """Whether IAM said no. Any other failure is raised."""
    try:
        call()
    except ConnectionGone:
        return False  # who is let in is told that nobody is there
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        return True
    except (WorkerUnreachable, GatewayUnavailable, GiveUp) as error:
        if not any(word in str(error) for word in ("not authorized", "Forbidden", *REFUSED)):
            raise
        return True
    return False


def less_each(statements: list[Statement]) -> Iterator[tuple[str, list[Statement]]]:
    """All permissions but one, which is named: an action on a resource. What is denied stays denied."""
    for at, statement in enumerate(statements):
        actions, resources = _many(statement["Action"]), _many(statement["Resource"])
        for action in actions if statement["Effect"] == "Allow" else []:
            for resource in resources:
                others = [each for each in actions if each != action]
                elsewhere = [each for each in resources if each != resource]
                kept = [(others, resources), ([action], elsewhere)]
                left = [{"Effect": "Allow", "Action": each, "Resource": on} for each, on in kept if each and on]
                yield f"{action} on {resource}", [*statements[:at], *left, *statements[at + 1 :]]


def _many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _session(key: str, secret: str, token: str | None = None) -> Session:
    """Each reads what services look like from what the first has read: that takes longer than all calls."""
    core = botocore.session.Session()
    core.register_component("data_loader", MODELS)
    return Session(key, secret, aws_session_token=token, region_name=REGION, botocore_session=core)


def _read(url: str) -> list[bytes]:
    context: Any = JobContext
    with opened(url, context) as source:
        return list(source.chunks())


def _make_log_group(logs: Any, group: str) -> None:
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group)


def _make_log_stream(logs: Any, group: str) -> None:
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName=LOG_STREAM)


def _log(logs: Any, group: str) -> None:
    lines = [{"timestamp": 1_790_000_000_000, "message": "a line"}]
    logs.put_log_events(logGroupName=group, logStreamName=LOG_STREAM, logEvents=lines)
