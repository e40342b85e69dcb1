"""The peers, in the order in which a round visits them. This project is one of them, and what the others are compared with.

The settings are the best that were found for each of them on two cores.
"""

from tests.bench.comparison.peer import Peer
from tests.bench.peers import databases, redis_queues

PEERS: tuple[Peer, ...] = databases.PEERS + redis_queues.PEERS
