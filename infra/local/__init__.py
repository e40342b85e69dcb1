"""The whole system on one computer, from wheels: no Docker, no AWS account.

In reading order:

  __main__.py       up, down, reset, status, logs
  up.py             ``make up``, step by step
  stack.py          one stack: its directory, ports and addresses
  programs.py       its four programs, and the supervisor's configuration for them
  supervisor.py     supervisord, which keeps them running
  strays.py         processes that nobody supervises any more
                    -- the databases --
  postgres.py       one Postgres server: files, command, readiness
  valkey.py         one Valkey server: files, command, readiness
  accounts.py       whom Postgres runs as, and where that user can reach its files
  services.py       both databases for as long as a ``with`` block lasts, for tests
  guard.py          ends these when their parent is gone
                    -- the AWS emulator --
  emulator.py       runs it, with what Chalice needs and the front door
  rest_import.py    REST APIs from whole documents, and stable ids
  functions.py      Lambda's delays, turns and logs
  emulator_parts.py checks the emulator's inside
  front_door.py     / dashboard, /api HTTP, /ws WebSocket
                    -- what is put on it --
  aws.py            readiness, settings, what is deployed
  deploy.py         ``chalice deploy`` of both apps
  dashboard.py      npm, and the bucket
  description.py    the API in words that types are made of
  node.py           the system's Node, or one from a wheel
  warm.py           the first call of every function
                    -- shared --
  changes.py        digests, stamps and turns
  ports.py          free ports
  processes.py      ending processes
  shell.py          other people's programs, with a log
  steps.py          one line a step
  console.py        the only place that writes to the terminal
"""
