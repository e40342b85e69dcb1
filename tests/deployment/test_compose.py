"""docker-compose.yml and the images: rules that hold for all of it, as Compose reads it. No engine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

from tests.deployment.compose import ROOT, compose, configuration

OURS = {"emulator", "deployer", "worker", "front-door"}
BOUGHT = {"postgres", "valkey"}
DOCKERFILE = ROOT / "infra" / "images" / "Dockerfile"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = configuration()["services"]
    return found


def test_these_are_the_services(services: dict[str, Any]) -> None:
    assert set(services) == OURS | BOUGHT


def test_localstack_takes_the_emulators_place_and_name() -> None:
    services = configuration("--profile", "localstack", LOCALSTACK_AUTH_TOKEN="a-token")["services"]

    assert set(services) == (OURS - {"emulator"}) | BOUGHT | {"localstack"}
    assert services["localstack"]["networks"]["default"]["aliases"] == ["emulator"]
    assert services["localstack"]["environment"]["LOCALSTACK_AUTH_TOKEN"] == "a-token"
    assert (
        services["localstack"]["environment"]["LAMBDA_DOCKER_NETWORK"] == configuration()["networks"]["default"]["name"]
    )


def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """So that `docker compose config` in `make check` can fail."""
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / "docker-compose.yml").read_text().replace("condition: service_healthy", "condition: well"))

    assert compose("config", "--quiet", file=wrong).returncode != 0


def test_whatever_runs_on_says_how_it_is(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"deployer"}


def test_who_needs_somebody_waits_for_it(services: dict[str, Any]) -> None:
    waits = {
        name: {each: how["condition"] for each, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }

    emulators = "emulator", "localstack"  # whichever there is
    assert waits["deployer"] == dict.fromkeys(["postgres", "valkey", *emulators], "service_healthy")
    assert waits["worker"] == {"deployer": "service_completed_successfully"}
    assert waits["front-door"] == waits["worker"] | dict.fromkeys(emulators, "service_healthy")


def test_only_the_deployer_ends(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if service["restart"] != "unless-stopped"} == {"deployer"}


def test_our_containers_may_nothing_that_they_need_not(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["security_opt"] == ["no-new-privileges:true"], name
        assert not services[name].get("privileged"), name
        assert "user" not in services[name], "the image says who"
    assert services["worker"]["read_only"]
    assert services["front-door"]["read_only"]


def test_ports_are_open_on_this_computer_only_and_free_to_choose() -> None:
    chosen = {"PORT": "18000", "AWS_PORT": "14566", "PG_PORT": "15433", "REDIS_PORT": "16380"}

    def ports(**settings: str) -> dict[str, tuple[str, str]]:
        services = configuration(**settings)["services"]
        return {
            name: (port["host_ip"], port["published"])
            for name, service in services.items()
            for port in service.get("ports", [])
        }

    assert set(ports()) == {"postgres", "valkey", "emulator", "front-door"}
    assert {host for host, _ in ports().values()} == {"127.0.0.1"}
    assert {port for _, port in ports().values()} == {"8000", "4566", "5433", "6380"}
    assert {port for _, port in ports(**chosen).values()} == set(chosen.values())


def test_data_is_in_named_volumes(services: dict[str, Any]) -> None:
    """And nothing of this computer is mounted."""
    mounted = [each for service in services.values() for each in service.get("volumes", [])]

    assert {each["type"] for each in mounted} == {"volume"}
    assert {"postgres", "valkey", "emulator", "deployer", "api-deployed", "worker-deployed"} <= {
        each["source"] for each in mounted
    }


def test_what_the_deployer_writes_is_not_written_over_by_an_image(services: dict[str, Any]) -> None:
    """An engine fills an empty volume from the first image that mounts it, with that one's owner."""
    (mounted,) = services["front-door"]["volumes"]

    assert (mounted["source"], mounted["read_only"], mounted["volume"]) == ("front-door", True, {"nocopy": True})


def test_no_bought_image_floats(services: dict[str, Any]) -> None:
    images = [services[name]["image"] for name in (*BOUGHT, "front-door")]
    stages = re.findall(r"^FROM (\S+:\S+) AS", DOCKERFILE.read_text(), re.MULTILINE)

    assert stages
    for image in [*images, *stages]:
        assert re.search(r":\d+\.\d+(\.\d+)?-", image), f"{image} is not one version"


def test_a_worker_has_longer_to_stop_than_its_jobs_have(services: dict[str, Any]) -> None:
    """python -m worker_fn gives them 25 s; then it records what they did."""
    assert services["worker"]["stop_grace_period"] == "1m0s"


def test_no_image_of_ours_runs_as_root() -> None:
    stages = DOCKERFILE.read_text().split("\nFROM ")
    final = {
        name: text for text in stages if (name := text.split("\n")[0].split()[-1]) in {"worker", "emulator", "deployer"}
    }

    assert len(final) == 3
    for name, text in final.items():
        assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1:] == ["10001:10001"], name
        assert re.search(r'^ENTRYPOINT \["python", "-m", ', text, re.MULTILINE), f"{name} would not get SIGTERM"


def test_every_target_is_a_stage_of_the_dockerfile(services: dict[str, Any]) -> None:
    parsed = DockerfileParser(path=str(DOCKERFILE))
    stages = {each["value"].split()[-1] for each in parsed.structure if each["instruction"] == "FROM"}

    for service in services.values():
        if "build" in service:
            assert service["build"]["target"] in stages
            assert (Path(service["build"]["context"]) / service["build"]["dockerfile"]) == DOCKERFILE


def test_what_is_copied_is_there_and_not_left_out() -> None:
    """A COPY of something that .dockerignore keeps back fails only when somebody builds."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copies = [
        each["value"].split()[:-1]
        for each in DockerfileParser(path=str(DOCKERFILE)).structure
        if each["instruction"] == "COPY" and "--from" not in each["value"]
    ]
    sources = {source for copy in copies for source in copy if not source.startswith("--")} - {"."}

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in let_in), source


@pytest.mark.parametrize("name", ["worker", "emulator", "deployer"])
def test_images_and_laptop_have_the_same_versions(name: str) -> None:
    assert pins(ROOT / "infra" / "images" / f"{name}-requirements.txt") <= pins(
        ROOT / "infra" / "local" / "requirements.txt"
    )


def pins(file: Path) -> set[str]:
    found: set[str] = set()
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            found |= pins(file.parent / line[3:])
        elif line and not line.startswith("#"):
            found.add(line)
    return found
