"""Postgres: the truth. One module a noun; every change of state is one guarded UPDATE."""
