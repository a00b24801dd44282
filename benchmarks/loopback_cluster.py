"""A Ray cluster of several nodes on the loopback, of which one can be lost.

`python -m benchmarks.loopback_cluster 3` prints its address. Each line on standard input ends a
node, as if its machine had lost its power; the end of standard input ends them all.
"""

from __future__ import annotations

import os
import sys


def main(nodes: int) -> None:
    """Serve until standard input ends.

    Args:
        nodes: each with one processor.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    # 127.0.0.1 itself would be replaced by the address that others see.
    common = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
    given = [{**common, "node_ip_address": f"127.0.0.{2 + number}"} for number in range(nodes)]
    cluster = Cluster(initialize_head=True, head_node_args=given[0])
    others = [cluster.add_node(**arguments) for arguments in given[1:]]
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        cluster.remove_node(others.pop(), allow_graceful=False)
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
