"""The launcher of the AWS emulator, started on its own, without databases or functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.names import API_NAME, BUCKET
from infra.local.rest_import import stable_id
from tests.running_emulator import Running

PREFLIGHT = {
    "responses": {"200": {"description": "ok", "headers": {"Access-Control-Allow-Origin": {"type": "string"}}}},
    "x-amazon-apigateway-integration": {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"},
            }
        },
    },
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("emulator"))
    process = running.start()
    yield running
    process.terminate()
    process.wait(20)


def document(*paths: str) -> bytes:
    info = {"title": API_NAME, "version": "1.0"}
    content = {"swagger": "2.0", "info": info, "paths": {path: {"options": PREFLIGHT} for path in paths}}
    binary = {"x-amazon-apigateway-binary-media-types": ["application/zip"]}
    return json.dumps(content | binary).encode()


def imported(emulator: Running, *paths: str) -> str:
    gateway = emulator.client("apigateway")
    answer = gateway.import_rest_api(body=document(*paths), parameters={"endpointConfigurationTypes": "REGIONAL"})
    gateway.create_deployment(restApiId=answer["id"], stageName="api")
    api_id: str = answer["id"]
    return api_id


def test_an_imported_api_answers_behind_the_front_door_under_an_id_made_of_its_name(emulator: Running) -> None:
    api_id = imported(emulator, "/jobs", "/jobs/{id}")

    status, headers, _ = emulator.call("/api/jobs/1", method="OPTIONS")

    assert api_id == stable_id(API_NAME)
    assert (status, headers["access-control-allow-origin"]) == (200, "*")


def test_an_overwritten_api_has_the_new_paths_and_not_the_old_ones(emulator: Running) -> None:
    api_id = imported(emulator, "/old")
    gateway = emulator.client("apigateway")

    gateway.put_rest_api(restApiId=api_id, mode="overwrite", body=document("/new"))

    assert emulator.call("/api/new", method="OPTIONS")[0] == 200
    assert emulator.call("/api/old", method="OPTIONS")[0] == 403
    assert gateway.get_rest_api(restApiId=api_id)["binaryMediaTypes"] == ["application/zip"]


def test_chalices_patch_does_not_break_an_api(emulator: Running) -> None:
    api_id = imported(emulator, "/jobs")
    gateway = emulator.client("apigateway")

    operations = [
        {"op": "replace", "path": "/minimumCompressionSize", "value": ""},
        {"op": "replace", "path": "/endpointConfiguration/types/REGIONAL", "value": "REGIONAL"},
    ]
    gateway.update_rest_api(restApiId=api_id, patchOperations=operations)

    assert gateway.get_rest_api(restApiId=api_id)["endpointConfiguration"]["types"] == ["REGIONAL"]


def test_a_websocket_api_made_twice_is_one(emulator: Running) -> None:
    gateway = emulator.client("apigatewayv2")
    made = [
        gateway.create_api(Name="sockets", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
        for _ in range(2)
    ]

    assert {api["ApiId"] for api in made} == {stable_id("sockets")}


def test_what_was_saved_survives_a_kill(tmp_path: Path) -> None:
    running = Running(tmp_path)
    first = running.start()
    imported(running, "/jobs")
    running.client("s3").create_bucket(Bucket=BUCKET)
    assert running.call("/_local/save", method="POST", port=running.port)[0] == 204

    first.kill()
    first.wait()
    second = running.start()
    status = running.call("/api/jobs", method="OPTIONS")[0]
    second.terminate()
    second.wait(20)

    assert status == 200


def test_strangers_keys_are_refused(emulator: Running) -> None:
    stranger = emulator.client("s3", key="AKIASTRANGER")

    with pytest.raises(stranger.exceptions.ClientError, match="InvalidAccessKeyId"):
        stranger.list_buckets()
