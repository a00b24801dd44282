"""`aiart-edge batch` on an object store that fails, beside the same pictures in a folder.

`python -m benchmarks.store_soak --objects 5000` puts so many small pictures into a store on the
loopback (faulty_store.py), lists them, kills the run, removes one object and changes another, and
goes on. The exit code is 1 where a record is another than the folder's, but for these two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import click
from obstore.store import S3Store

from aiart_edge.program import run
from benchmarks.batch_soak import draw, read_results

_BATCH = (sys.executable, "-m", "aiart_edge", "batch")
_ENVIRONMENT = {
    "AWS_ALLOW_HTTP": "true",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def soak(folder: Path, objects: int, jobs: int, store: str, proxy: str) -> dict[str, list[Any]]:
    """Classify objects, and the same pictures in a folder.

    Args:
        folder: empty.
        objects: how many.
        jobs: processes.
        store: URL of the store itself.
        proxy: URL of what fails before it.

    Returns:
        The records of both, without their paths: `store` and `folder`.
    """
    (folder / "art").mkdir()
    draw(folder / "art", objects)
    with urllib.request.urlopen(urllib.request.Request(f"{store}/bucket", method="PUT")):  # noqa: S310
        pass
    keys: Any = {"access_key_id": "nobody", "secret_access_key": "none"}
    bucket = S3Store("bucket", endpoint=store, **keys, client_options={"allow_http": True})
    paths = sorted((folder / "art").rglob("*.jpg"))
    for path in paths:
        bucket.put(str(path.relative_to(folder)), path)

    given = [f"--jobs={jobs}", "--shard-size=100", "--no-origin", "--out"]
    environment = os.environ | _ENVIRONMENT | {"AWS_ENDPOINT_URL": proxy}
    command = [*_BATCH, "s3://bucket/art", *given, str(folder / "store")]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603
    while not (folder / "store" / "manifest.json").exists() and first.poll() is None:
        time.sleep(0.01)
    first.kill()
    first.wait()
    *_, changed, missing = (str(path.relative_to(folder)) for path in paths)
    bucket.put(changed, b"another picture")
    bucket.delete(missing)
    subprocess.run(command, env=environment, check=False)  # noqa: S603
    subprocess.run([*_BATCH, str(folder / "art"), *given, str(folder / "folder")], check=True)  # noqa: S603
    return {name: _read_records(folder / name) for name in ("store", "folder")}


def _read_records(out: Path) -> list[dict[str, Any]]:
    lines = [line for content in read_results(out).values() for line in content.splitlines()]
    return [{**json.loads(line), "path": None} for line in lines]


@click.command()
@click.option("--objects", type=int, default=5000, show_default=True)
@click.option("--jobs", type=int, default=2, show_default=True)
def main(objects: int, jobs: int) -> None:
    """Classify objects of a store that fails, and account for each."""
    command = [sys.executable, "-m", "benchmarks.faulty_store"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdin
        assert server.stdout
        store, proxy = (server.stdout.readline().strip() for _ in range(2))
        records = soak(Path(folder), objects, jobs, store, proxy)
        server.stdin.close()
    same = sum(one == other for one, other in zip(*records.values(), strict=True))
    errors = [record["error"] for record in records["store"] if "error" in record]
    click.echo(f"{objects} objects, {same} records the same as the folder's")
    click.echo(f"errors: {'; '.join(errors)}")
    if same != objects - 2 or [*map(len, (errors, records["store"]))] != [2, objects]:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    run(main)
