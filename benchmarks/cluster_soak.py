"""`aiart-edge batch` on a Ray cluster of three nodes on the loopback, one of which is lost.

`python -m benchmarks.cluster_soak --pictures 600` prints whether the results are, byte for byte,
those of a run without a cluster, and exits with 1 where they are not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from aiart_edge.program import run
from benchmarks.batch_soak import draw, read_results

_BATCH = (sys.executable, "-m", "aiart_edge", "batch")


@click.command()
@click.option("--pictures", type=int, default=600, show_default=True)
@click.option("--nodes", type=int, default=3, show_default=True)
@click.option("--shard-size", type=int, default=20, show_default=True)
def main(pictures: int, nodes: int, shard_size: int) -> None:
    """Classify on a cluster, lose a node at a third of the way, and compare."""
    server = [sys.executable, "-m", "benchmarks.loopback_cluster", str(nodes)]
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(  # noqa: S603
            server,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as cluster,
    ):
        assert cluster.stdin
        assert cluster.stdout
        folder = Path(name, "pictures")
        folder.mkdir()
        draw(folder, pictures)
        command = [*_BATCH, str(folder), f"--shard-size={shard_size}", "--out"]
        address = cluster.stdout.readline().strip()
        done = Path(name, "cluster", "results")
        with subprocess.Popen([*command, str(done.parent), "--ray", address]) as process:  # noqa: S603
            while process.poll() is None and _count(done) < pictures // shard_size // 3:
                time.sleep(0.05)
            before = _count(done)
            cluster.stdin.write("\n")
            cluster.stdin.flush()
        subprocess.run([*command, f"{name}/whole"], check=True)  # noqa: S603
        whole, on_cluster = (read_results(Path(name, out)) for out in ("whole", "cluster"))
        cluster.stdin.close()
    same = whole == on_cluster and process.returncode == 0
    click.echo(
        f"{pictures} pictures, {nodes} nodes, one lost after {before} of {len(whole)} shards"
    )
    click.echo(f"results the same as those of a run without a cluster: {'yes' if same else 'NO'}")
    if not same:
        raise click.exceptions.Exit(1)


def _count(results: Path) -> int:
    return len([*results.glob("*.jsonl")])


if __name__ == "__main__":
    run(main)
