"""The two servers: memory that must not evict, connections that must not run out, locks that nobody lets go of."""

from __future__ import annotations

from chalicelib.checks.limits import Limits
from chalicelib.findings import Diagnosis, Finding, Severity, Tally, counted, fine
from chalicelib.inspection import RedisInspection
from chalicelib.store.inspection import StoreInspection

SAFE_POLICY = "noeviction"
MIB = 2**20


class Servers:
    """How they are set up, and how full they are."""

    def __init__(self, *, inspection: StoreInspection, redis: RedisInspection, limits: Limits) -> None:
        self._inspection = inspection
        self._redis = redis
        self._limits = limits

    def eviction_policy(self) -> list[Diagnosis]:
        policy = self._redis.memory().policy
        if policy == SAFE_POLICY:
            return [fine("eviction_policy", policy)]
        finding = Finding(
            check="eviction_policy",
            severity=Severity.ERROR,
            found=f"maxmemory-policy is {policy}: a full Redis forgets jobs one by one, and nothing notices",
            advice=f"set maxmemory-policy to {SAFE_POLICY} (ElastiCache: in the parameter group)",
        )
        return [Diagnosis(finding)]

    def memory(self) -> list[Diagnosis]:
        memory = self._redis.memory()
        if not memory.limit:
            return [fine("redis_memory", f"{memory.used / MIB:,.0f} MiB, without a limit")]
        return [
            _share(
                "redis_memory",
                memory.used / memory.limit,
                (self._limits.memory_share, self._limits.memory_share_error),
                f"{memory.used / MIB:,.0f} of {memory.limit / MIB:,.0f} MiB",
                "give Redis more memory, or submit less: full, it refuses new jobs",
            )
        ]

    def sessions(self) -> list[Diagnosis]:
        sessions = self._inspection.sessions()
        return [
            _share(
                "postgres_connections",
                sessions.used / sessions.allowed,
                (self._limits.sessions_share, self._limits.sessions_share_error),
                f"{sessions.used:,} of {sessions.allowed:,}",
                "raise max_connections, put a pooler between, or run fewer workers and functions",
            )
        ]

    def idle_transactions(self) -> list[Diagnosis]:
        tally = Tally()
        for session in self._inspection.idle_in_transaction(self._limits.idle_in_transaction):
            tally.add(session)
        what, advice = "sessions are idle in a transaction", "end them: SELECT pg_terminate_backend(pid)"
        return [counted("idle_in_transaction", Severity.WARNING, tally, what, advice)]


def _share(check: str, share: float, limits: tuple[float, float], found: str, advice: str) -> Diagnosis:
    """limits: from where on it is a warning, and an error."""
    warning, error = limits
    if share < warning:
        return fine(check, found)
    severity = Severity.ERROR if share >= error else Severity.WARNING
    return Diagnosis(Finding(check=check, severity=severity, found=f"{found} ({share:.0%})", advice=advice))
