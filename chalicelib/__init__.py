"""The library that the API and the worker share. In reading order; imports go down only, and a check holds that.

Rules, pure:
    errors         every failure raised on purpose, drawn as a tree
    patterns       which texts are taken, and how others are refused in words
    choices        which words are allowed at a place of a document
    settings       the environment, read and checked once
    backoff        retry delays
    uniqueness     what makes two jobs the same, and how long one keeps others out
    cron           which moments a cron expression names
    timing         when a schedule runs: by cron, at an interval, or once
    schedules      a schedule, and for which times it runs
    queue_settings what operators set of a queue
    retention      how long finished jobs are kept, and when it is worth looking for what has expired
    jobs           Job, NewJob, JobStatus, the table of legal moves, outcomes
    members        what stands for a job in Redis
    histograms     durations in buckets, and percentiles of them
    tallies        what a batch of ended attempts adds to the statistics
    callers        who calls, with which role, and what the audit keeps of it
    keys           API keys
    decoding       JSON from clients, read strictly
    views          a job as clients see it
    findings       what doctor found
    events         what a watcher is told, and the frames it comes in
    backlog        what those who asked for the same have yet to be told
    audience       which backlogs a change belongs to
    joblog         what a handler logs, and whose it is
    logs           one JSON object a line
    figures        what the statistics say
    metrics        the same as Prometheus reads it
    emf            a worker run as CloudWatch metrics
Adapters, one outside service each:
    secret         a login in Secrets Manager, read again when it is refused
    redis_link     how Redis is reached; many commands in one round trip
    store/         Postgres, one module a noun: jobs, lists, attempts, queues, schedules, firings, keys, audit,
                   admissions (submits that look at other jobs first), bonds and dependencies (who waits for whom),
                   partitions, retention, walks, detached (what pruning does to them) and others, and how
                   rows travel
    throttle       Redis: what is set of queues, and how take obeys it
    turns          Redis: jobs that belong to keys, and whose turn it is
    queue_scripts  the Lua by which jobs move between sets
    queues         Redis: when to look at which job
    workers        Redis: who is alive and does what, and the bell
    connections    Redis: who watches what
    stream         Redis: the event stream
    leadership     Redis: which broadcaster serves which connections
    tickets        Redis: tickets for one WebSocket connect each
    rates          Redis: how often each key called
    waiting        Redis: how many long polls wait now
    chores         Redis: whose turn maintenance is, and how far it got
    snapshots      Redis: answers that are dear to compute
    gateway        send to one WebSocket connection
    waker          start the worker function
    inspection     Redis: doctor's questions, across all of these
Use cases:
    handlers/      the registry, schedules declared beside handlers, and one module per family of job types
    statistics     how the whole system does
    submissions    what a client asks for, checked
    scheduler      submit, get, cancel, revive, move, copy
    forms          what callers send: queries, headers, bodies
    schedule_forms what they send of schedules
    bulk_forms     what they send to change many jobs
    bulk           cancel, revive and move by filter, and purge queues
    gatekeeper     who may do what, and how often
    keyring        make and revoke keys
    patience       long polls
    definitions    what is wanted of a schedule, checked
    timetable      keep schedules, and run them by hand
    firing         submit their jobs when they are due
    declarations   bring schedules that are declared in code and in a file up to date
    flow           read and change what is set of queues
    queue_overview queues as operators see them
    pruning        let go of what nobody asks for any more
    readiness      whether jobs can be taken now
    attempt        one attempt in a worker's hands, and how it is stopped
    executor       run one attempt to its outcome
    children       child processes for isolated handlers
    announcer      tell watchers, when there are any
    releaser       let go what waited for jobs that have ended
    logbook        write down what handlers log
    slots          where handlers run: threads, an event loop
    hand           what a worker holds, and how much more to fetch
    rota           which queues to look at, and how much to take of each
    fetcher        take and claim
    settler        record outcomes
    leases         renew leases, record progress, show life
    presence       tell that this worker is there
    timekeeper     stop what runs too long
    threads        helper threads that must not die unnoticed
    worker         take, claim, run, settle, until told to stop
    outbox         one connection, and what it is sent
    subscriptions  what WebSocket clients say
    roster         the connections that this process serves
    broadcaster    events to connections
    maintenance    rebuild, sweep, partitions, pruning
    checks/        what doctor looks at, one module a subject
    doctor         examine a deployment, and mend what is safe to mend
    installation   what a deployment needs done next to the database
    engine         a worker with broadcaster, maintenance and the firing of schedules beside it
    processes      several workers side by side
Edges:
    answers        what the API answers beside jobs
    schedule_views what it answers of schedules
    reports        what it tells of how it goes
    wire           JSON out, errors to problem details
    pages          lists as pages, jobs that are waited for
    routes         the table of routes
    openapi        the API's description, from that table (schemas, examples, and the page to read it on:
                   reference)
    child          python -m chalicelib.child
    resources      the only place clients are made and joined
    cli/           the jobs command; python -m chalicelib.cli
"""
