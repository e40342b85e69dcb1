"""What must hold of the one domain before everything."""

from __future__ import annotations

import json
import subprocess

from infra.local import node
from tests.deployment.templates import Value, alternatives, resource


def test_the_bucket_is_private_encrypted_and_read_by_this_distribution_alone() -> None:
    bucket = resource("edge", "Bucket")
    allowed, found, denied = resource("edge", "BucketPolicy")["PolicyDocument"]["Statement"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"]
    for statement in (allowed, found):
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert "${Distribution}" in statement["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def distribution() -> Value:
    config: Value = resource("edge", "Distribution")["DistributionConfig"]
    return config


CACHES, CACHES_NOTHING = "658327ea-f89d-4fab-a63d-7e88639e58f6", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def test_each_path_goes_where_it_belongs() -> None:
    config = distribution()
    origins = {origin["Id"]: origin for origin in config["Origins"]}
    behaviours = {behaviour["PathPattern"]: behaviour for behaviour in config["CacheBehaviors"]}

    assert {path: behaviour["TargetOriginId"] for path, behaviour in behaviours.items()} == {
        "/api": "api",
        "/api/*": "api",
        "/ws": "socket",
    }
    assert origins["api"]["DomainName"]["Fn::Sub"].startswith("${RestApiId}.execute-api.")
    assert origins["socket"]["DomainName"]["Fn::Sub"].startswith("${WebsocketApiId}.execute-api.")
    assert "OriginPath" not in origins["api"]  # the stage is named "api", so that /api/jobs is the path there too
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == "dashboard"
    assert origins["dashboard"]["OriginAccessControlId"] == {"Fn::GetAtt": ["AccessControl", "Id"]}
    assert config["DefaultRootObject"] == "index.html"


def test_a_failure_of_one_call_is_neither_kept_for_others_nor_replaced() -> None:
    kept = distribution()["CustomErrorResponses"]

    assert kept == [{"ErrorCode": code, "ErrorCachingMinTTL": 0} for code in (500, 502, 503, 504)]


def test_nothing_is_kept_of_what_the_api_says_and_keys_reach_it() -> None:
    for behaviour in distribution()["CacheBehaviors"]:
        assert behaviour["CachePolicyId"] == CACHES_NOTHING
        assert behaviour["OriginRequestPolicyId"] == ALL_BUT_HOST
    assert distribution()["DefaultCacheBehavior"]["CachePolicyId"] == CACHES
    assert (
        "OriginRequestPolicyId" not in distribution()["DefaultCacheBehavior"]
    )  # queries and keys are not the bucket's business
    for behaviour in distribution()["CacheBehaviors"][:2]:
        assert {"GET", "POST", "PUT", "DELETE", "OPTIONS"} <= set(behaviour["AllowedMethods"])


def test_nothing_goes_over_the_wire_in_the_clear() -> None:
    config = distribution()

    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert {behaviour["ViewerProtocolPolicy"] for behaviour in config["CacheBehaviors"]} == {"https-only"}
    for origin in config["Origins"][1:]:
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    own, _ = alternatives(config["ViewerCertificate"])
    assert own["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_pages_may_load_only_what_is_ours() -> None:
    headers = resource("edge", "PageHeaders")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    sources = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}

    assert sources["default-src"] == ["'none'"]
    assert sources["script-src"] == ["'self'"]
    assert sources["connect-src"] == ["'self'"]
    assert sources["frame-ancestors"] == ["'none'"]
    assert {"ContentTypeOptions", "FrameOptions", "ReferrerPolicy", "StrictTransportSecurity"} <= set(headers)
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000  # a year
    assert distribution()["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == {"Ref": "PageHeaders"}
    for behaviour in distribution()["CacheBehaviors"][:2]:
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": "ApiHeaders"}


def test_a_websocket_arrives_at_the_path_of_its_stage_with_its_ticket() -> None:
    code = resource("edge", "SocketPath")["FunctionCode"]
    event = {"request": {"uri": "/ws", "querystring": {"ticket": {"value": "t"}}}}
    command = [
        str(node.directory() / "node"),
        "-e",
        f"{code}; console.log(JSON.stringify(handler({json.dumps(event)})))",
    ]

    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert told == {"uri": "/api", "querystring": {"ticket": {"value": "t"}}}
    (association,) = distribution()["CacheBehaviors"][2]["FunctionAssociations"]
    assert association["EventType"] == "viewer-request"
