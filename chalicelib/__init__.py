"""The library that the API and the worker share. In reading order; imports go down only, and a check holds that.

Rules, pure:
    errors         every failure raised on purpose, drawn as a tree
    settings       the environment, read and checked once
    backoff        retry delays
    jobs           Job, NewJob, JobStatus, the table of legal moves, outcomes
    views          a job as clients see it
    findings       what doctor found
    events         what a watcher is told, and the frames it comes in
    logs           one JSON object a line
Adapters, one outside service each:
    redis_link     how Redis is reached; many commands in one round trip
    store/         Postgres, one module a noun: database, jobs, attempts, partitions, migrations, inspection, and how rows travel
    queues         Redis: when to look at which job
    workers        Redis: who is alive, and the bell
    connections    Redis: who watches what
    stream         Redis: the event stream, and who reads it
    chores         Redis: whose turn maintenance is, and how far it got
    gateway        send to one WebSocket connection
    waker          start the worker function
    inspection     Redis: doctor's questions, across all of these
Use cases:
    handlers/      the registry, and one module per family of job types
    scheduler      submit, get, list, cancel, revive
    readiness      whether jobs can be taken now
    attempt        one attempt in a worker's hands, and how it is stopped
    executor       run one attempt to its outcome
    children       child processes for isolated handlers
    announcer      tell watchers, when there are any
    slots          where handlers run: threads, an event loop
    hand           what a worker holds, and how much more to fetch
    fetcher        take and claim
    settler        record outcomes
    leases         renew leases, record progress, show life
    timekeeper     stop what runs too long
    threads        helper threads that must not die unnoticed
    worker         take, claim, run, settle, until told to stop
    outbox         events on their way to one connection
    broadcaster    events to connections
    maintenance    rebuild, sweep, partitions
    checks/        what doctor looks at, one module a subject
    doctor         examine a deployment, and mend what is safe to mend
    engine         a worker with broadcaster and maintenance beside it
    processes      several workers side by side
Edges:
    wire           JSON in, JSON out, errors to problem details
    child          python -m chalicelib.child
    resources      the only place clients are made and joined
    cli/           the jobs command; python -m chalicelib.cli
"""
