"""The whole system on one computer, from wheels: no Docker, no AWS account.

In reading order:

  console.py     the only place that prints
  ports.py       which port each server gets
  accounts.py    whom Postgres runs as, and where that user can reach its files
  postgres.py    one Postgres server: files, command, readiness
  valkey.py      one Valkey server: files, command, readiness
  guard.py       ends servers whose parent is gone
  services.py    both databases for as long as a ``with`` block lasts
"""
