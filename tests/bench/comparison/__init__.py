"""This system and its peers, measured side by side. In reading order:

peer            what the harness knows of a peer (``tests/bench/peers`` has them all)
environments    each in its own, from its pins
servers         one Postgres and one Valkey for everybody
processes       a peer's driver and workers
usage           their CPU time and memory
stamps          which job ran when
counts          how much of everything
drain           how fast a full queue empties
visit           one peer, one round
rounds          all peers, several rounds, in turns
copies          millions of finished rows
history         the same with millions of finished rows
figures         medians and ratios
report          JSON and Markdown
chart           SVG; runs in an environment of its own
"""
