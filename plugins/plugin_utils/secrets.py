# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of ``immich_secrets`` means: a purpose, and where its Secret comes from. Pure functions, for the templates and for preflight."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from .cache import URL

SOURCES = ("existing", "values", "external", "onepassword", "sealed", "sops")
IN_CLUSTER = ("external", "onepassword", "sealed")  # a controller in the cluster makes the Secret


@dataclass(frozen=True)
class Purpose:
    """What a Secret is for, and so what has to be in it."""

    keys: tuple[str, ...]
    optional: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)  # keys whose value is no secret
    generated: bool = False  # without a source random values do
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def secret_keys(self) -> list[str]:
        """The keys that a source has to give."""
        return [key for key in self.keys if key not in self.fixed]


PURPOSES = {
    "database": Purpose(
        ("username", "password"),
        fixed={"username": "immich"},  # the role that the database is made with
        generated=True,
        type="kubernetes.io/basic-auth",
        labels={"cnpg.io/reload": "true"},  # the operator follows a change of the password
    ),
    "cache": Purpose(("password",), generated=True),
    "cache_url": Purpose(("url",)),
    "database_backup": Purpose(("ACCESS_KEY_ID", "ACCESS_SECRET_KEY")),
    "smb": Purpose(("username", "password"), optional=("domain",)),
    # of settings that are in a file; plugin_utils/system_settings.py says which
    "oauth": Purpose(("clientSecret",)),
    "smtp": Purpose(("password",)),
    "volume_backup": Purpose(("RESTIC_PASSWORD",)),  # and what the repository needs: see backup.py
}


def purpose_of(name: str) -> Purpose | None:
    """What a purpose asks for; each mirror of the database's backup has one of its own, database_backup_<mirror>, and volumes may have several."""
    several = next((purpose for purpose in ("database_backup", "volume_backup") if name.startswith(f"{purpose}_")), name)
    return PURPOSES.get(several)


def wanted(
    sources: Mapping[str, Any], volumes: Iterable[Mapping[str, Any]], cache_provider: str, cache_host: str, database: Mapping[str, Any] | None = None
) -> list[str]:
    """The purposes for which an instance has a Secret; `database` has its provider and its backup."""
    cache = "cache" if cache_provider != "external" or cache_host else "cache_url"
    open_to_all = cache_provider == "external" and cache == "cache" and cache not in sources
    settings = [name for name in ("oauth", "smtp") if name in sources]
    return ["database", *_backups(database or {})] + [cache] * (not open_to_all) + ["smb"] * any(volume.get("smb") for volume in volumes) + settings


def _backups(database: Mapping[str, Any]) -> list[str]:
    backup = database.get("backup")
    if database.get("provider") != "cnpg" or not isinstance(backup, Mapping) or not backup:
        return []
    mirrors = [mirror["name"] for mirror in backup.get("mirrors") or [] if isinstance(mirror, Mapping) and mirror.get("name")]
    return ["database_backup", *(f"database_backup_{name}" for name in mirrors)]


def namespaces(name: str, database: Mapping[str, Any]) -> list[str]:
    """Where a Secret is wanted, empty for the namespace of the instance. The password of the database is made where the database is."""
    apart = database.get("namespace") or ""
    if name == "database":
        return [apart, ""] if apart and database.get("provider") == "cnpg" else [""]
    return [apart] if name.startswith("database_backup") else [""]


def secret_name(sources: Mapping[str, Any], instance: str, purpose: str) -> str:
    """The Secret of a purpose: the existing one that is named, or one of our own."""
    return (sources.get(purpose) or {}).get("existing") or f"{instance}-{purpose.replace('_', '-')}"


def resolve(
    sources: Mapping[str, Any], instance: str, purposes: Iterable[str], rehearsal: bool, database: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Every Secret of an instance: name, namespaces, source with what it says, and what has to be in it.

    A rehearsal reads no real secret: what would come from the inventory, a file or the real cluster is generated there.
    ValueError for a purpose without a source for which random values will not do.
    """
    result = []
    for name in purposes:
        purpose, source, given = purpose_of(name), *source_of(sources.get(name) or {})
        if rehearsal and source not in IN_CLUSTER:
            source, given = "generated", None
        elif source == "generated" and not purpose.generated:
            raise ValueError(missing(name))
        result.append(record(name, purpose, secret_name(sources, instance, name), namespaces(name, database or {}), source, given))
    return result


def record(name: str, purpose: Purpose, secret: str, where: list[str], source: str, given: Any) -> dict[str, Any]:
    """A Secret as the templates take it; `where` are its namespaces."""
    return {
        "name": secret,
        "purpose": name,
        "namespaces": where,
        "source": source,
        "given": given,
        "keys": list(purpose.keys),
        "generate": purpose.secret_keys,
        "fixed": dict(purpose.fixed),
        "type": purpose.type,
        "labels": dict(purpose.labels),
    }


def source_of(entry: Mapping[str, Any]) -> tuple[str, Any]:
    """The source that an entry names, and what it says; without one, random values."""
    named = [source for source in SOURCES if entry.get(source)]
    return (named[0], entry[named[0]]) if named else ("generated", None)


def read(text: str, needed: Iterable[str]) -> dict[str, str]:
    """The keys and values of a Secret that is written as YAML; ValueError, without a word of the text, for anything else."""
    try:
        found = yaml.safe_load(text.encode())
        encoded = {key: base64.b64decode(value, validate=True).decode() for key, value in (found.get("data") or {}).items()}
        result = encoded | {key: str(value) for key, value in (found.get("stringData") or {}).items()}
    except (yaml.YAMLError, AttributeError, TypeError, ValueError):
        raise ValueError("the decrypted file is not a Secret. Write kind: Secret with data or stringData into it.") from None
    if missing := [key for key in needed if not result.get(key)]:
        raise ValueError(f"the decrypted Secret has no {' and no '.join(missing)}. Add it with sops edit.")
    return result


def missing(name: str, purpose: Purpose | None = None) -> str:
    """What to say where a purpose has no source and random values will not do."""
    keys = (purpose or purpose_of(name)).secret_keys
    return f"immich_secrets.{name} is not set, and nobody can guess {' and '.join(keys)}. Give it one of {_listed(SOURCES)}."


def problems(name: str, entry: Any, needed: Iterable[str], purpose: Purpose | None = None) -> list[str]:
    """What is wrong with an entry by itself, one sentence each, none with a value; `needed` are the purposes that the instance has.

    A purpose that is not in the table is given.
    """
    purpose = purpose or purpose_of(name)
    if purpose is None:
        return [f"is for nothing that this collection knows. Use {_listed(PURPOSES)}."]
    if name not in needed:
        return ["is used by nothing in this inventory. Remove it."]
    if not isinstance(entry, Mapping) or len(entry) != 1 or next(iter(entry)) not in SOURCES or not next(iter(entry.values())):
        return [f"does not have exactly one source. Give it one of {_listed(SOURCES)}, with what it needs."]
    source, given = source_of(entry)
    if source in ("existing", "onepassword", "sops"):
        return [] if isinstance(given, str) else [f"{source} is no text. {_EXAMPLES[source]}"]
    if not isinstance(given, Mapping):
        return [f"{source} is no mapping. {_EXAMPLES[source]}"]
    if source == "external":
        return _external_problems(given, purpose)
    return _key_problems(source, given, purpose)


_EXAMPLES = {
    "existing": "Name a Secret in the namespace of the instance.",
    "onepassword": "Write the path of an item, such as vaults/homelab/items/immich.",
    "sops": "Name a file of the inventory, such as secrets/immich.sops.yaml.",
    "values": "Write keys and values, such as {password: …}.",
    "sealed": "Write keys and what kubeseal made of their values, such as {password: AgB…}.",
    "external": "Write store and key, such as {store: ClusterSecretStore/homelab, key: immich}.",
}


def _external_problems(given: Mapping[str, Any], purpose: Purpose) -> list[str]:
    found = [f"external.{key} is not a known key. Use store, key or properties." for key in given if key not in ("store", "key", "properties")]
    if not isinstance(given.get("key"), str) or not given["key"]:
        found.append("external.key is not set. Name what the store calls it.")
    kind, _slash, store = str(given.get("store") or "").partition("/")
    if kind not in ("SecretStore", "ClusterSecretStore") or not store:
        found.append("external.store is not a store. Write its kind and name, such as ClusterSecretStore/homelab.")
    properties = given.get("properties")
    if properties is None:
        return found
    if not isinstance(properties, Mapping):
        return [*found, "external.properties is no mapping. Write the keys of the Secret and the properties of the store, such as {password: pw}."]
    return found + _key_problems("external.properties", properties, purpose)


def _key_problems(where: str, given: Mapping[str, Any], purpose: Purpose) -> list[str]:
    """What a mapping by the keys of the Secret lacks, or has too much of."""
    known = [*purpose.secret_keys, *purpose.optional]
    found = [f"{where} has no {key}. It needs {' and '.join(purpose.secret_keys)}." for key in purpose.secret_keys if not given.get(key)]
    found += [f"{where}.{key} has no meaning here. Use {_listed(known)}." for key in given if key not in known]
    if where == "values" and "url" in purpose.keys and given.get("url") and not str(given["url"]).startswith(URL):
        found.append(f"{where}.url does not begin with {URL}, and Immich ignores any other. Write it with the filter homelab.immich.ioredis_url.")
    return found + [f"{where}.{key} is no text. Put it in quotes." for key, value in given.items() if key in known and value and not isinstance(value, str)]


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
