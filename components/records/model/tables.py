"""The tables of the lake of records.

`file` is a path below the source, `line` the line of it that a resource begins in, from 1; `number` counts
the resources of a file, from 0: file and number are a key. Times are UTC.
"""

from __future__ import annotations

import pyarrow as pa

from brume.lake.tables import COUNT, TEXT, TIME, WHOLE, Table

TEXTS = pa.list_(TEXT)
_PLACE = [("file", TEXT), ("line", COUNT)]

INGESTED = (
    Table(
        "resources",
        "one version of a resource, as it was read; the view `present` has those that hold",
        pa.schema(
            [
                ("type", TEXT),
                ("id", TEXT),
                ("version", TEXT),  # meta.versionId, else a digest of the resource
                ("updated", TIME),  # meta.lastUpdated
                ("json", TEXT),
                ("number", WHOLE),
                *_PLACE,
            ]
        ),
        ("type",),
    ),
    Table(
        "identifiers",
        "one identifier of a resource: what conditional references name",
        pa.schema([("type", TEXT), ("id", TEXT), ("system", TEXT), ("value", TEXT), ("file", TEXT)]),
    ),
    Table(
        "deletions",
        "one resource that an export names as deleted",
        pa.schema([("type", TEXT), ("id", TEXT), ("time", TIME), *_PLACE]),  # no time: after all versions
    ),
    Table(
        "attachments",
        "one file that the url of an attachment names",
        pa.schema([("data", pa.binary()), ("file", TEXT)]),
    ),
    Table(
        "links",
        "one url of an attachment in a file, and the file of the source that it names",
        pa.schema([("url", TEXT), ("attachment", TEXT), ("file", TEXT)]),
    ),
    Table(
        "repairs",
        "what was mended in a file: how often, and in which line first",
        pa.schema([("what", TEXT), ("count", WHOLE), *_PLACE]),
    ),
    Table(
        "rejects",
        "one line that was set aside, or a further number of them",
        pa.schema([("reason", TEXT), ("remedy", TEXT), ("count", WHOLE), *_PLACE]),
    ),
    Table(
        "files",
        "one file of the source",
        pa.schema(
            [
                ("file", TEXT),
                ("kind", TEXT),  # resources, attachment
                ("size", WHOLE),
                ("version", TEXT),
                ("digest", TEXT),
                ("resources", WHOLE),
                ("repaired", WHOLE),
                ("rejects", WHOLE),
                ("types", TEXTS),  # of its resources
                ("urls", TEXTS),  # of attachments, that may name a file of the source
                ("read", TIME),
            ]
        ),
    ),
)
DERIVED = (
    Table(
        "notes",
        "one note: the text of one attachment",
        pa.schema(
            [
                ("id", TEXT),  # TYPE/ID/NUMBER of the attachment in its resource
                ("patient", TEXT),  # id of the Patient, "" where it is not known
                ("text", TEXT),
                ("title", TEXT),
                ("kind", TEXT),
                ("date", TEXT),
                ("status", TEXT),
                ("author", TEXT),
                ("content_type", TEXT),
                ("version", TEXT),
                ("encounter", TEXT),  # id of the Encounter
                *_PLACE,
            ]
        ),
    ),
    Table(
        "entities",
        "what was found in one note",
        pa.schema(
            [
                ("note", TEXT),
                ("digest", TEXT),  # of the text and the extractor
                ("entities", COUNT),
                ("json", TEXT),  # `brume.records.model.entities.read_entities` reads it
            ]
        ),
    ),
    Table(
        "concepts",
        "one code that resources name, with what they call it",
        pa.schema([("system", TEXT), ("code", TEXT), ("display", TEXT), ("names", TEXTS)]),
    ),
    Table(
        "indexed",
        "one note that an index of a search service was given",
        pa.schema(
            [
                ("index", TEXT),  # its id
                ("note", TEXT),
                ("digest", TEXT),  # of what was put; "" while that is not known to have been done
                ("failure", TEXT),  # why the service did not take it
            ]
        ),
        ("index",),
    ),
    Table(
        "note_rejects",
        "one attachment of which no note could be made, or a note that misses something",
        pa.schema([("id", TEXT), ("reason", TEXT), ("remedy", TEXT), *_PLACE]),
    ),
)
TABLES = {table.name: table for table in (*INGESTED, *DERIVED)}
