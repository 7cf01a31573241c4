"""What opening a database for writing makes where it is missing: tables, indexes, the view."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vaebench.store import schema
from vaebench.store.plugged import columns_of, plugin_rows

_MAKING_TABLES = 0x7661656265
"""Number of the advisory lock that PostgreSQL processes take to make tables."""


def make_tables(engine: sa.Engine) -> None:
    """Makes those tables that are missing."""
    with engine.begin() as connection:
        one_maker_at_a_time(connection)
        schema.metadata.create_all(connection)
        known = connection.scalar(sa.select(schema.schema_version.c.version))
        if known is None:
            connection.execute(sa.insert(schema.schema_version).values(version=schema.VERSION))


def make_indexes(engine: sa.Engine) -> None:
    """Makes those indexes that the vaebench that made the tables did not have."""
    with engine.connect() as connection:
        found = sa.inspect(connection).get_multi_indexes()
    known = {index["name"] for indexes in found.values() for index in indexes}
    missing = [
        index
        for table in schema.metadata.sorted_tables
        for index in table.indexes
        if index.name not in known
    ]
    if missing:
        with engine.begin() as connection:
            one_maker_at_a_time(connection)
            for index in missing:
                index.create(connection, checkfirst=True)


def refresh_view(engine: sa.Engine) -> None:
    """Makes the `results` view as this vaebench has it, with the scores of the plug-ins used."""
    with engine.begin() as connection:
        view = (
            f"CREATE VIEW results AS {schema.results_view((), columns_of(plugin_rows(connection)))}"
        )
        if _view_as_created(connection) == view:
            return
        one_maker_at_a_time(connection)
        connection.exec_driver_sql("DROP VIEW IF EXISTS results")
        connection.exec_driver_sql(view)
        if engine.dialect.name == "postgresql":
            text = view.replace("'", "''")
            connection.exec_driver_sql(f"COMMENT ON VIEW results IS '{text}'")


def _view_as_created(connection: sa.Connection) -> Any:
    """Returns the statement that made the `results` view; PostgreSQL keeps it in a comment."""
    if connection.dialect.name == "postgresql":
        text = "SELECT obj_description(to_regclass('results'), 'pg_class')"
    else:
        text = "SELECT sql FROM sqlite_master WHERE type = 'view' AND name = 'results'"
    return connection.exec_driver_sql(text).scalar()


def one_maker_at_a_time(connection: sa.Connection) -> None:
    """Lets one process at a time make tables and views, until the transaction ends.

    On SQLite `BEGIN IMMEDIATE` has seen to it already.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING_TABLES})")
