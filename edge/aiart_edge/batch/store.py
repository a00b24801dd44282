"""Object stores as sources, by the extra `batch`; this module is imported without it, too.

An object is read as it was listed, or not at all: with its ETag, under which another content has no
place. Nothing is asked but the store: no keys are sought on the network where none are named.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiart_edge.errors import AccessError, AiartError, DataError, PictureError, require_extra
from aiart_edge.formats import HEAD

if TYPE_CHECKING:
    from obstore.store import ObjectStore

# What names the keys of a store, each whole; else its client would ask the machine's provider, at
# an address of instance metadata, and has no switch such as AWS_EC2_METADATA_DISABLED.
_KEYS = {
    "s3": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ),
    "gs": (
        ("GOOGLE_APPLICATION_CREDENTIALS",),
        ("GOOGLE_SERVICE_ACCOUNT",),
        ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    ),
    "az": (
        ("AZURE_STORAGE_ACCOUNT_KEY",),
        ("AZURE_STORAGE_SAS_TOKEN",),
        ("AZURE_STORAGE_CLIENT_ID", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_TENANT_ID"),
    ),
}
_LARGEST_OBJECT = 128 << 20  # bytes
_LIMITS = {"connect_timeout": "10s", "timeout": "120s"}
_PAUSES = (0.1, 0.4, 1.6)  # seconds before a listing that got no further is tried again


def is_url(name: str) -> bool:
    """Say whether a name is that of an object, or of a part of a store.

    Args:
        name: `s3://bucket/key`, say, or of a file.
    """
    return name.partition("://")[0] in _KEYS and "://" in name


def list_objects(url: str, *, anonymous: bool) -> dict[bytes, bytes]:
    """List the objects of a store.

    Args:
        url: `s3://bucket/prefix`, `gs://...` or `az://container/...`; a prefix ends at a slash.
        anonymous: no keys are needed.

    Returns:
        Their names, as URLs, and their ETags.

    Raises:
        DataError: they cannot be listed.
        MissingExtra: the extra `batch` is not installed.
    """
    require_extra("batch", "obstore")
    import obstore  # noqa: PLC0415  an extra

    root, prefix = _split(url)
    listed: dict[bytes, bytes] = {}
    last, pauses = None, [*_PAUSES]
    while True:
        try:
            for part in obstore.list(_open(root, anonymous), prefix, offset=last):
                for found in part:
                    name = os.fsencode(f"{root}/{found['path']}")
                    listed[name] = (found["e_tag"] or "").encode()
                    last, pauses = found["path"], [*_PAUSES]
        except AiartError:
            raise
        except Exception as error:  # no common class, and a panic has none
            if not pauses:
                problem = " ".join(str(error).split(": <")[0].split("Debug source")[0].split())
                raise DataError(url, f"cannot be listed ({problem[:300]})") from error
            time.sleep(pauses.pop(0))
        else:
            return listed


def read_object(url: str, etag: str, *, anonymous: bool) -> Iterator[bytes]:
    """Read an object as it was listed.

    Args:
        url: its name.
        etag: as it was listed.
        anonymous: no keys are needed.

    Yields:
        Parts of its content, the first of which tells its format.

    Raises:
        AccessError: it cannot be reached, or has changed.
        PictureError: it is larger than any picture.
        DataError: no keys are named.
    """
    from obstore import exceptions, get  # noqa: PLC0415  an extra

    root, key = _split(url)
    try:
        found = get(_open(root, anonymous), key, options={"if_match": etag} if etag else {})
        if found.meta["size"] > _LARGEST_OBJECT:
            limit = f"{_LARGEST_OBJECT >> 20} MB"
            raise PictureError(url, f"cannot be read (it has more than {limit})")
        yield from map(bytes, found.stream(min_chunk_size=HEAD))
    except FileNotFoundError as error:
        raise AccessError(url, "cannot be read (there is no such object)") from error
    except exceptions.PreconditionError as error:
        raise AccessError(url, "cannot be read (it has changed since it was listed)") from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise AccessError(url, "cannot be read (the store denies it)") from error
    except exceptions.BaseError as error:  # its text is of the moment
        raise AccessError(url, "cannot be read (the store fails, or does not answer)") from error


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


@cache
def _open(root: str, anonymous: bool) -> ObjectStore:
    from obstore.store import from_url  # noqa: PLC0415  an extra

    ways = _KEYS[urlsplit(root).scheme]
    if not anonymous and not any(all(map(os.environ.get, names)) for names in ways):
        keys = ", or ".join(" and ".join(names) for names in ways)
        raise DataError(root, f"no keys are named: set {keys}; or say --anonymous")
    # Options here put the environment's out of force.
    in_clear = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
    client = {**_LIMITS, "allow_http": in_clear}
    options: Any = {"client_options": client, "retry_config": {"max_retries": 0}}
    if anonymous:
        options["config"] = {"skip_signature": True}
    store: ObjectStore = from_url(root, **options)
    return store
