"""The worker's tasks on Fargate: what their image was built from and how it is built, and the role that ECS itself needs.

A deployment builds no image, which takes Docker. So the stack keeps what its image was built from, and a deployment says when
tasks go on with one of another release.
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError

from infra.aws.stage import Stage
from infra.local.changes import digest
from infra.local.stack import ROOT

OPTIONS = ("ImageUri", "MinTasks", "MaxTasks", "Capacity", "Slots", "TargetAgeSeconds")
PACKED = (
    "chalicelib",
    "worker_fn/__main__.py",
    "worker_fn/health.py",
    "requirements.txt",
    "infra/images/worker-requirements.txt",
)
PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}  # by the option Architecture
NO_IMAGE = "The worker's image is not there yet. With Docker on this computer:"
OLD_IMAGE = "Tasks go on with {image}, which was built from other sources than this release."
TAKEN = ("InvalidInput", "EntityAlreadyExists")  # "Service role name … has been taken in this account"
BUILD = """\
  aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {registry}
  docker build --platform {platform} --file infra/images/Dockerfile --target worker --tag {image} . && docker push {image}
  make deploy STAGE={stage} OPTIONS="ImageUri={image}"
"""


def sources() -> str:
    """What an image would be built from now: a digest."""
    return digest(ROOT / name for name in PACKED)


def built_from(chosen: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """ImageSources, where another image is chosen than before: it is taken to be of this checkout."""
    is_new = chosen.get("ImageUri", "") not in ("", before.get("ImageUri"))
    return {"ImageSources": sources()} if is_new else {}


def complaint(parameters: Mapping[str, str]) -> str:
    """What is wrong with the image of a service with such parameters; empty: nothing."""
    if not (image := parameters.get("ImageUri")):
        return NO_IMAGE
    return "" if parameters.get("ImageSources") == sources() else OLD_IMAGE.format(image=image)


def how_to_build(stage: Stage, repository: str, architecture: str) -> str:
    """The tag tells the release: the repository takes none twice."""
    return BUILD.format(
        region=stage.region,
        registry=repository.partition("/")[0],
        platform=PLATFORMS[architecture],
        image=f"{repository}:{sources()}",
        stage=stage.name,
    )


def make_role_of_ecs(stage: Stage) -> bool:
    """Whether it was missing. ECS makes its role at its first cluster, too late for the service that comes with it."""
    try:
        stage.client("iam").create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    except ClientError as error:
        if error.response["Error"]["Code"] not in TAKEN:
            raise
        return False
    return True
