"""Break things on purpose, with real processes and servers, and see that no job is lost and no outcome is recorded twice.

In reading order:
    pace       how long leases and faults last: in earnest, and in short
    ledger     what happened outside: a line an attempt, in files
    history    what Postgres committed: every move of every row, recorded by a trigger
    handlers   what the jobs do
    traffic    which jobs are submitted
    steps      the places where a process can kill itself
    process    what each process of a run has in common
    worker_process, api_process, tick_process
    servers    Postgres and Valkey under control
    crew       the processes that run, die and are replaced
    faults     what is done to them
    run        a whole run: start, break, mend, wait, judge
    verdict    what must hold at the end
"""
