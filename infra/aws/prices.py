"""AWS's list prices in dollars: us-east-1, on demand. ``costs.AS_OF`` says as of when, and has the sums."""

from __future__ import annotations

AN_HOUR = {
    "aurora_acu": 0.12,
    "proxy": 0.015,  # a vCPU of the instance behind it, or an ACU
    "nat": 0.045,
    "public_address": 0.005,
    "endpoint": 0.01,  # each interface endpoint in each zone
    "fargate_vcpu": 0.04048,  # Linux on x86
    "fargate_gb": 0.004445,
    "lambda_gb": 0.06000012,  # $0.0000166667 a GB second
}

DATABASE_INSTANCE = {  # RDS for PostgreSQL, one zone
    "db.t4g.micro": 0.016,
    "db.t4g.small": 0.032,
    "db.t4g.medium": 0.065,
    "db.t4g.large": 0.129,
    "db.m7g.large": 0.168,
    "db.m7g.xlarge": 0.337,
    "db.m7g.2xlarge": 0.674,
    "db.r7g.large": 0.239,
    "db.r7g.xlarge": 0.478,
}

CACHE_NODE = {  # ElastiCache for Valkey: four fifths of what Redis costs
    "cache.t4g.micro": 0.0128,
    "cache.t4g.small": 0.0256,
    "cache.t4g.medium": 0.052,
    "cache.m7g.large": 0.1264,
    "cache.m7g.xlarge": 0.2517,
    "cache.r7g.large": 0.1752,
}

A_MILLION = {
    "rest_requests": 3.50,  # the first 333 million a month, then less
    "frames": 1.00,  # WebSocket messages of up to 32 KB
    "lambda_requests": 0.20,
    "cloudfront_requests": 1.00,  # HTTPS, in North America and Europe
}

A_GB = {
    "cloudfront_out": 0.085,  # the first 10 TB a month
    "logs": 0.50,
    "nat": 0.045,  # either way, beside its hours
}

EACH_MONTH = {
    "rds_storage": 0.115,  # a GB of gp3
    "aurora_storage": 0.10,  # a GB; reads and writes are paid besides
    "secret": 0.40,
    "alarm": 0.10,
    "metric": 0.30,
    "dashboard": 3.00,
}
