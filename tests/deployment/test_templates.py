"""What must hold of the CloudFormation templates, whoever changes them. That they are well-formed is said by cfn-lint."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.deployment.templates import FROM_ELSEWHERE, NAMES, alternatives, each, resource, resources, template, text

PARAMETERS = {
    "network": {"Stage", "Egress", "VpcCidr"},
    "data": {
        "Stage",
        "VpcId",
        "SubnetIds",
        "ClientSecurityGroupId",
        "Database",
        "InstanceClass",
        "StorageGb",
        "MultiAz",
        "BackupDays",
        "Proxy",
        "CacheNodeType",
        "CacheReplicas",
        "DeletionProtection",
    },
    "roles": {"Stage", "DatabaseSecretArn", "CacheSecretArn", "SettingsSecretArn", "WebsocketApiId"},
    "edge": {"Stage", "RestApiId", "WebsocketApiId", "DomainName", "CertificateArn"},
    "service": {
        "Stage",
        "SubnetIds",
        "ClientSecurityGroupId",
        "ImageUri",
        "MinTasks",
        "MaxTasks",
        "TargetAgeSeconds",
        "SettingsVersion",
        "ImageSources",
        "DatabaseSecretArn",
        "CacheSecretArn",
        "SettingsSecretArn",
    },
    "alarms": {"Stage", "ApiFunctionName", "WorkerFunctionNames", "DatabaseId", "CacheId", "NotifyEmail"},
}
OUTPUTS = {
    "network": {"VpcId", "PrivateSubnetIds", "PublicSubnetIds", "ClientSecurityGroupId"},
    "data": {
        "DatabaseId",
        "DatabaseDimension",
        "DatabaseHost",
        "DatabasePort",
        "DatabaseName",
        "DatabaseSecretArn",
        "PreparesStatements",
        "CacheId",
        "CacheHost",
        "CachePort",
        "CacheSecretArn",
    },
    "roles": {"ApiRoleArn", "SocketRoleArn", "WorkerRoleArn", "MigrateRoleArn", "LostCallsArn", "LostCallsName"},
    "edge": {"BucketName", "DistributionId", "Address"},
    "service": {"RepositoryUri"},
    "alarms": {"TopicArn"},
}
STAGE = {"Ref": "Stage"}
CLIENTS = [{"Ref": "ClientSecurityGroupId"}, {"Fn::GetAtt": ["ClientSecurityGroup", "GroupId"]}]
PROXY = {"Fn::GetAtt": ["ProxySecurityGroup", "GroupId"]}


@pytest.mark.parametrize("name", NAMES)
def test_deploying_finds_the_parameters_and_outputs_that_it_counts_on(name: str) -> None:
    assert set(template(name)["Parameters"]) >= PARAMETERS[name]
    assert set(template(name)["Outputs"]) >= OUTPUTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stack_demands_is_told_by_those_before_it_or_by_chalice(name: str) -> None:
    earlier = {output for before in NAMES[: NAMES.index(name)] for output in template(before)["Outputs"]}

    demanded = {key for key, parameter in template(name)["Parameters"].items() if "Default" not in parameter}

    assert demanded <= earlier | FROM_ELSEWHERE


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_says_what_it_is_and_what_it_may_be(name: str) -> None:
    bounds = {"AllowedValues", "AllowedPattern", "MinValue"}
    for key, parameter in template(name)["Parameters"].items():
        assert len(parameter["Description"]) > 10 or key == "CacheId", key
        is_bounded = bounds & set(parameter) or parameter["Type"].startswith(("AWS::", "List<AWS::"))
        assert is_bounded or key in OPEN, f"{name}: {key} takes anything"
    assert all(output["Description"] for output in template(name)["Outputs"].values())


OPEN = {  # given by other stacks or by Chalice, or checked by AWS when they are used
    "SourceObjects",
    "ImageUri",
    "ApiFunctionName",
    "WorkerFunctionNames",
    "DatabaseId",
    "CacheId",
    "LostCallsName",
}


@pytest.mark.parametrize("name", NAMES)
def test_cloudformation_can_read_it(name: str) -> None:
    tokens = [type(token).__name__ for token in yaml.scan(text(name))]

    assert "AliasToken" not in tokens
    assert len(text(name).encode()) < 51_200  # bytes, of a template that is sent along with the call


def test_two_stages_do_not_take_each_others_names() -> None:
    kinds = {
        key for name in NAMES for found in template(name)["Resources"].values() for key in found["Properties"]
    } & FIXED

    assert kinds == FIXED
    for name in NAMES:
        for found in template(name)["Resources"].values():
            for key in FIXED & set(found["Properties"]):
                for value in alternatives(found["Properties"][key]):
                    is_another_ones = set(value) != {"Fn::Sub"}  # a reference to what is named elsewhere
                    assert is_another_ones or re.search(r"\$\{(Stage|ApiFunctionName|Name)\}", json.dumps(value))


FIXED = {
    "AlarmName",
    "ClusterName",
    "DBClusterIdentifier",
    "DBInstanceIdentifier",
    "DBProxyName",
    "DashboardName",
    "LogGroupName",
    "ReplicationGroupId",
    "RepositoryName",
    "TopicName",
}


def test_the_queue_of_lost_calls_can_be_made_again_at_once() -> None:
    assert "QueueName" not in resource(
        "roles", "LostCalls"
    )  # SQS refuses a name for a minute after its queue is deleted


# -- network


def test_nobody_but_functions_and_tasks_is_let_in() -> None:
    doors = 0
    for _, _, found in resources("AWS::EC2::SecurityGroup"):
        for rule in each(found["Properties"].get("SecurityGroupIngress", [])):
            assert "CidrIp" not in rule
            assert "CidrIpv6" not in rule
            assert all(source in [*CLIENTS, PROXY] for source in alternatives(rule["SourceSecurityGroupId"]))
            doors += 1
    assert doors == 5  # Postgres and its proxy, each from clients, Postgres from the proxy, Valkey, endpoints
    assert not list(resources("AWS::EC2::SecurityGroupIngress"))


def test_what_functions_wear_opens_no_door_and_leads_to_named_ports_only() -> None:
    client = resource("network", "ClientSecurityGroup")

    assert "SecurityGroupIngress" not in client
    out = {(rule["FromPort"], rule["ToPort"], json.dumps(rule["CidrIp"])) for rule in client["SecurityGroupEgress"]}
    inside = json.dumps({"Ref": "VpcCidr"})
    assert out == {(443, 443, '"0.0.0.0/0"'), (80, 80, '"0.0.0.0/0"'), (5432, 5432, inside), (6379, 6379, inside)}


def test_private_subnets_have_no_way_in() -> None:
    gateways = [
        found["Properties"]["RouteTableId"]
        for _, _, found in resources("AWS::EC2::Route")
        if "GatewayId" in found["Properties"]
    ]

    assert gateways == [{"Ref": "PublicRoutes"}]
    assert not any(found["Properties"].get("MapPublicIpOnLaunch") for _, _, found in resources("AWS::EC2::Subnet"))
    assert resource("service", "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_without_a_nat_gateway_there_are_endpoints_and_none_that_would_hide_the_websocket_api() -> None:
    services = {
        found["Properties"]["ServiceName"]["Fn::Sub"].removeprefix("com.amazonaws.${AWS::Region}.")
        for _, _, found in resources("AWS::EC2::VPCEndpoint")
    }

    assert {"secretsmanager", "lambda", "s3"} <= services
    assert "execute-api" not in services  # its private DNS answers 403 for every public API


# -- data

DATABASES = [("Instance", "InstanceParameters"), ("Cluster", "ClusterParameters")]


@pytest.mark.parametrize(("logical_id", "parameters"), DATABASES)
def test_postgres_is_encrypted_and_refuses_who_comes_without_tls(logical_id: str, parameters: str) -> None:
    database = resource("data", logical_id)

    assert database["StorageEncrypted"] is True
    assert resource("data", parameters)["Parameters"]["rds.force_ssl"] == "1"
    assert {"Ref": parameters} in (database.get("DBParameterGroupName"), database.get("DBClusterParameterGroupName"))


@pytest.mark.parametrize(("logical_id", "parameters"), DATABASES)
def test_postgres_outlives_its_stack_as_a_snapshot(logical_id: str, parameters: str) -> None:
    found = template("data")["Resources"][logical_id]

    assert (found["DeletionPolicy"], found["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert found["Properties"]["DeletionProtection"] == {"Ref": "DeletionProtection"}
    assert found["Properties"]["BackupRetentionPeriod"] == {"Ref": "BackupDays"}
    assert found["Properties"]["DeleteAutomatedBackups"] is False
    assert template("data")["Parameters"]["BackupDays"]["MinValue"] >= 1  # 0 would switch backups off
    assert template("data")["Parameters"]["DeletionProtection"]["Default"] == "true"


@pytest.mark.parametrize(("logical_id", "parameters"), DATABASES)
def test_rds_keeps_the_password_and_changes_it(logical_id: str, parameters: str) -> None:
    assert resource("data", logical_id)["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in resource("data", logical_id)


def test_no_database_can_be_reached_from_the_internet() -> None:
    servers = [found["Properties"] for _, _, found in resources("AWS::RDS::DBInstance")]

    assert [server["PubliclyAccessible"] for server in servers] == [False, False, False]


def test_behind_the_proxy_is_tls_and_nothing_is_prepared() -> None:
    assert resource("data", "DatabaseProxy")["RequireTLS"] is True
    assert template("data")["Outputs"]["PreparesStatements"]["Value"] == {"Fn::If": ["UsesProxy", "false", "true"]}
    assert template("data")["Outputs"]["DatabaseHost"]["Value"]["Fn::If"][:2] == [
        "UsesProxy",
        {"Fn::GetAtt": ["DatabaseProxy", "Endpoint"]},
    ]


def test_who_does_not_know_of_the_proxy_yet_still_reaches_postgres() -> None:
    clients, proxy = resource("data", "DatabaseSecurityGroup")["SecurityGroupIngress"]

    assert clients["SourceSecurityGroupId"] in CLIENTS
    assert [rule["SourceSecurityGroupId"] for rule in each(proxy)] == [PROXY]


def test_the_proxy_can_be_left_before_it_is_taken_away() -> None:
    conditions = template("data")["Conditions"]

    assert "unused" in template("data")["Parameters"]["Proxy"]["AllowedValues"]
    assert conditions["HasProxy"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Proxy"}, "no"]}]}
    assert conditions["UsesProxy"] == {"Fn::Equals": [{"Ref": "Proxy"}, "yes"]}


@pytest.mark.parametrize(("logical_id", "parameters"), DATABASES)
def test_postgres_does_not_log_what_jobs_are_about(logical_id: str, parameters: str) -> None:
    told = resource("data", parameters)["Parameters"]

    assert told["log_parameter_max_length"] == told["log_parameter_max_length_on_error"] == "0"


def test_valkey_is_encrypted_asks_for_a_token_and_throws_nothing_away() -> None:
    cache = resource("data", "Cache")

    assert (cache["TransitEncryptionEnabled"], cache["TransitEncryptionMode"]) == (True, "required")
    assert cache["AtRestEncryptionEnabled"] is True
    assert cache["AuthToken"] == {"Fn::Sub": "{{resolve:secretsmanager:${CacheSecret.Id}:SecretString:token}}"}
    made = resource("data", "CacheSecret")["GenerateSecretString"]
    assert (made["GenerateStringKey"], made["ExcludePunctuation"]) == ("token", True)  # ElastiCache takes but few signs
    assert 32 <= made["PasswordLength"] <= 128  # ElastiCache's own limit is 16 to 128
    assert cache["CacheParameterGroupName"] == {"Ref": "CacheParameters"}
    assert resource("data", "CacheParameters")["Properties"]["maxmemory-policy"] == "noeviction"


def test_no_password_is_a_parameter() -> None:
    named = {key for name in NAMES for key in template(name)["Parameters"]}

    assert not [key for key in named if re.search("password|token$|secret$", key, re.IGNORECASE)]


# -- tasks


def test_other_settings_start_other_tasks() -> None:
    (container,) = resource("service", "Task")["ContainerDefinitions"]

    environment = {each["Name"]: each["Value"] for each in container["Environment"]}
    assert environment["SETTINGS"] == {"Ref": "SettingsVersion"}


# -- logs


def test_every_log_ends_some_day() -> None:
    groups = list(resources("AWS::Logs::LogGroup"))

    assert len(groups) == 9  # seven functions, Postgres, tasks
    assert all(found["Properties"]["RetentionInDays"] == {"Ref": "LogDays"} for _, _, found in groups)


def test_every_function_finds_its_log() -> None:
    made = {
        found["Properties"]["LogGroupName"]["Fn::Sub"]
        for name, _, found in resources("AWS::Logs::LogGroup")
        if name == "roles"
    }

    api, worker = "/aws/lambda/job-scheduler-${Stage}", "/aws/lambda/job-scheduler-worker-${Stage}"
    sockets = {f"{api}-websocket_{event}" for event in ("connect", "message", "disconnect")}
    assert made == {api, *sockets, *(f"{worker}-{function}" for function in ("tick", "run", "migrate"))}
