"""Raw material: packages of public registries, fetched by the registries' own clients.

Each piece has a folder of its own under the cache. A folder that is there is used as it is, so the
material can also be put there by hand, for instance on a machine without a network.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unisearch.errors import ConfigError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPackage:
    """A package to fetch.

    Attributes:
        name: Its folder under the cache, and its Debian name.
        client: ``apt`` or ``npm``.
        spec: What the client is asked for.
    """

    name: str
    client: Literal["apt", "npm"]
    spec: str


def _debian(name: str) -> RawPackage:
    return RawPackage(name=name, client="apt", spec=name)


def _npm(name: str, spec: str) -> RawPackage:
    return RawPackage(name=name, client="npm", spec=spec)


PACKAGES = (
    _debian("openclipart-svg"),
    _debian("openclipart-png"),
    _debian("tuxpaint-stamps-default"),
    _debian("wordnet-base"),
    _debian("plasma-workspace-wallpapers"),
    _debian("lomiri-wallpapers-16.04"),
    _debian("lomiri-wallpapers-20.04"),
    _debian("ukui-wallpapers"),
    _npm("noto", "@iconify-json/noto@1.2.9"),
    _npm("fluent-emoji", "@iconify-json/fluent-emoji@1.2.7"),
    _npm("twemoji", "@iconify-json/twemoji@1.2.5"),
    _npm("emojilib", "emojilib@4.0.3"),
)


def fetch(cache: Path, packages: Sequence[RawPackage] = PACKAGES) -> dict[str, Path]:
    """Make sure that every package lies extracted under `cache`.

    Args:
        cache: Folder to keep them in; created if absent.
        packages: What is needed.

    Returns:
        Package name → its folder.

    Raises:
        ConfigError: A client is not installed or fails.
    """
    folders = {package.name: cache / package.name for package in packages}
    for package in packages:
        folder = folders[package.name]
        if folder.is_dir():
            _log.debug("%s is already in %s", package.name, cache)
            continue
        _log.info("fetching %s", package.spec)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as work:
            extracted = Path(work) / "extracted"
            extracted.mkdir()
            if package.client == "apt":
                _run(["apt-get", "download", package.spec], cwd=Path(work))
                _run(["dpkg-deb", "-x", str(_only(work, "*.deb")), str(extracted)])
            else:
                _run(["npm", "pack", "--silent", package.spec], cwd=Path(work))
                with tarfile.open(_only(work, "*.tgz")) as archive:
                    archive.extractall(extracted, filter="data")
                extracted = extracted / "package"
            extracted.replace(folder)
    return folders


def _run(command: list[str], cwd: Path | None = None) -> None:
    if shutil.which(command[0]) is None:
        raise ConfigError(
            f"{command[0]} is not installed; install it, or put the extracted package into the "
            "cache folder by hand"
        )
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")


def _only(folder: str, pattern: str) -> Path:
    found = sorted(Path(folder).glob(pattern))
    if len(found) != 1:
        raise ConfigError(f"expected one {pattern} after fetching, found {len(found)}")
    return found[0]
