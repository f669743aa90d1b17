"""``unisearch index``: pictures and texts go in."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.failures import ExitCode, complain
from unisearch.errors import QueryError

if TYPE_CHECKING:
    from indexer.options import IndexOptions

EPILOG = """\
Examples:

\b
  unisearch index ~/Pictures ~/Notes
  unisearch index ~/Pictures --exclude 'drafts/**' --exclude '*.gif'
  unisearch index goods.csv --text-column title --image-column photo
  find . -newer last -print0 | unisearch index - -0
  unisearch index                       (what was named before, again)

The collection is the one in or above the first folder given, or else it is made there;
--collection puts it elsewhere. Running it again does only what changed. Ctrl-C keeps what was
committed.
"""


class KindChoice(StrEnum):
    """Kinds that a person can ask for."""

    PICTURE = "picture"
    TEXT = "text"
    TABLE = "table"
    SHARD = "shard"


def index(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Folders, files, globs; - reads a list of paths from stdin.",
            show_default=False,
        ),
    ] = None,
    collection: options.CollectionOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            "-e",
            metavar="NAME",
            help="unimo-mini, a checkpoint's folder, open_clip:MODEL/TAG, open_clip:MODEL@FILE or "
            "open_clip:FOLDER; to an existing collection it adds vectors beside those there.",
        ),
    ] = None,
    kind: Annotated[
        list[KindChoice] | None,
        typer.Option("--kind", help="Only such files. Repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", "-x", metavar="GLOB", help="Leave out: '*.png', 'drafts/**'. Repeatable."
        ),
    ] = None,
    default_excludes: Annotated[
        bool,
        typer.Option(help="Leave out folders that programs keep for themselves, such as .git."),
    ] = True,
    hidden: Annotated[bool, typer.Option("--hidden", help="Take what begins with a dot.")] = False,
    all_files: Annotated[
        bool, typer.Option("--all-files", help="Look into files whose name says nothing.")
    ] = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Enter folders through symbolic links.")
    ] = False,
    text_column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Column of tables that holds text. Repeatable."),
    ] = None,
    image_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column that holds a picture or its path.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column that names the row.")
    ] = None,
    metadata_column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Column kept for --where; '*' for all. Repeatable."),
    ] = None,
    max_bytes: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Largest picture file, e.g. 200MB.")
    ] = None,
    max_pixels: Annotated[
        str | None, typer.Option(metavar="N", help="Largest picture, e.g. 200M pixels.")
    ] = None,
    min_side: Annotated[
        int | None, typer.Option(metavar="PX", min=1, help="Shortest side of a picture.")
    ] = None,
    max_text_bytes: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Largest text file, e.g. 20MB.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds after which a file is given up.")
    ] = None,
    prune: Annotated[bool, typer.Option(help="Take files out that are gone from a folder.")] = True,
    retry_skipped: Annotated[
        bool, typer.Option("--retry-skipped", help="Try what was skipped before once more.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads that read and decode.")
    ] = None,
    nul: Annotated[
        bool, typer.Option("-0", "--null", help="The list on stdin is separated by NULs.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Put pictures and texts into a collection.

    Makes the collection if there is none. Files that cannot be read are counted by reason, with the
    option that lifts it. Searches work meanwhile.
    """
    from cli.output import write_json, write_lines
    from cli.progress import AnnouncedStop, StderrProgress
    from cli.remembered import remember_sources, remembered_sources
    from cli.show import home_relative
    from cli.sources import find_or_place, open_or_make, read_sources
    from cli.summary import report_json, report_lines
    from indexer.pipeline import index as run_index
    from indexer.progress import NoProgress
    from unisearch.encoders.load import DEFAULT_ENCODER, load_encoder

    chosen = _options(
        kinds=kind,
        exclude=tuple(exclude or ()),
        default_excludes=default_excludes,
        hidden=hidden,
        all_files=all_files,
        follow_links=follow_links,
        columns=_columns(text_column, image_column, id_column, metadata_column),
        pictures=_limits(max_bytes=max_bytes, max_pixels=max_pixels, min_side_px=min_side),
        max_text_bytes=_size(max_text_bytes),
        timeout_s=timeout,
        prune=prune,
        retry_skipped=retry_skipped,
        threads=threads,
    )
    wanted = read_sources(sources or [], nul=nul)
    if sources and not wanted:
        complain("the list on stdin is empty: nothing to do")
        return
    layout = find_or_place(collection, wanted, listed="-" in (sources or []))
    # Loaded first, so that a mistyped name leaves no collection behind.
    name = encoder or DEFAULT_ENCODER
    using = encoder if layout.exists() else load_encoder(name)
    with open_or_make(layout, encoder=name) as opened:
        if wanted and "-" not in (sources or []):
            remember_sources(layout, wanted)
        wanted = wanted or remembered_sources(layout)
        if not wanted:
            raise QueryError("name what to index, as in: unisearch index ~/Pictures")
        with StderrProgress() as drawn:
            stop = AnnouncedStop()
            report = run_index(
                opened,
                wanted,
                options=chosen,
                progress=NoProgress() if quiet else drawn,
                encoder=using,
                stop=stop,
            )
        folder = opened.layout.folder
    if json:
        write_json({"collection": str(folder), **report_json(report)})
    else:
        complain(f"collection: {home_relative(folder)}")
        write_lines(report_lines(report))
    if report.interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if report.missing:
        raise typer.Exit(ExitCode.USAGE)


def _options(kinds: list[KindChoice] | None, **given: Any) -> IndexOptions:
    """Index options; what was not given stays as it is by default."""
    from indexer.kinds import Kind
    from indexer.options import IndexOptions

    if kinds:
        # What a name says nothing of is told by its content.
        given["kinds"] = frozenset(map(Kind, kinds)) | {Kind.UNKNOWN}
    try:
        return IndexOptions(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise QueryError(str(error)) from error


def _columns(
    text: list[str] | None, image: str | None, row_id: str | None, metadata: list[str] | None
) -> Any:
    from indexer.options import TableColumns

    if text or image:
        return TableColumns(
            text=tuple(text or ()), image=image, id=row_id, metadata=tuple(metadata or ())
        )
    if row_id or metadata:
        raise QueryError("--id-column and --metadata-column need --text-column or --image-column")
    return None


def _limits(*, max_bytes: str | None, max_pixels: str | None, min_side_px: int | None) -> Any:
    from unisearch.pictures import PictureLimits

    given = {
        "max_bytes": _size(max_bytes),
        "max_pixels": _size(max_pixels),
        "min_side_px": min_side_px,
    }
    try:
        return PictureLimits(**{k: value for k, value in given.items() if value is not None})
    except ValueError as error:
        raise QueryError(str(error)) from error


def _size(text: str | None) -> int | None:
    from cli.values import parse_size

    return parse_size(text) if text is not None else None
