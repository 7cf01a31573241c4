"""Where jobs are trained that a cluster's nodes train: told by them, and forgotten in time."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from tests.store.sample_jobs import make_specs, outcome
from tests.stored import ask
from vaebench.outcome import Place, Progress
from vaebench.store import Claim, Claimant, Reader, Store, at_work

DRIVER = Claimant("driver", "", "vaebench 1, torch 2")
"""A process that claims jobs, and has others train them."""

PLACES = (Place("north", "cuda:0"), Place("south", "cuda:3"))


def whereabouts(location: str) -> list[tuple[str, str]]:
    """Host and device of the running jobs, as a reader is told."""
    with Reader.open(location) as reader:
        found = at_work(reader)
        keys = [row.key for row in reader.jobs(states=["RUNNING"])]
    return [(found[key].host, found[key].devices) for key in keys]


def claimed(store: Store, sweep: int) -> Claim:
    claim = store.claim(sweep)
    assert claim is not None
    return claim


def signs(*found: tuple[Claim, Place]) -> dict[str, Progress]:
    keys = [(claim.spec.key, place) for claim, place in found]
    return {key: Progress(key, "training", 5, 1.0, 4, place=place) for key, place in keys}


def test_nodes_of_other_names_are_told_apart_and_forgotten_with_their_jobs(location: str) -> None:
    north, south = PLACES
    with Store(location) as store:
        store.introduce(DRIVER)
        sweep = store.add_sweep(make_specs(3), "a sweep").sweep_id
        first, second = claimed(store, sweep), claimed(store, sweep)
        assert whereabouts(location) == [("", ""), ("", "")]  # neither the driver nor its devices
        store.heartbeat([first, second], signs((first, north)))
        assert whereabouts(location) == [("north", "cuda:0"), ("", "")]
        both = signs((first, north), (second, south))
        for _ in range(2):
            store.heartbeat([first, second], both)
            assert whereabouts(location) == [("north", "cuda:0"), ("south", "cuda:3")]
        store.heartbeat([first, second], both | signs((first, south)))
        assert whereabouts(location) == [("south", "cuda:3")] * 2
        store.complete(first, outcome(first.spec))
        store.lose(second, "its node died")
        assert whereabouts(location) == []
        again = claimed(store, sweep)
        assert again.spec == second.spec
        assert whereabouts(location) == [("", "")]  # nothing of where it was before
        store.heartbeat([again], signs((again, north)))
        assert whereabouts(location) == [("north", "cuda:0")]
        store.release([again])
        store.heartbeat([], {})
    assert whereabouts(location) == []
    assert ask(location, "SELECT * FROM places") == []


def test_a_process_that_comes_back_late_moves_no_job(location: str) -> None:
    north, south = PLACES
    with Store(location) as late, Store(location) as other:
        for store in (late, other):
            store.introduce(DRIVER)
        sweep = late.add_sweep(make_specs(1), "a sweep").sweep_id
        lost = claimed(late, sweep)
        other.requeue_abandoned(-1.0)
        held = claimed(other, sweep)
        other.heartbeat([held], signs((held, south)))
        late.heartbeat([lost], signs((lost, north)))
        assert whereabouts(location) == [("south", "cuda:3")]


def test_who_trains_itself_is_at_its_own_host(location: str) -> None:
    with Store(location) as store:
        store.introduce(replace(DRIVER, devices="cpu"))
        claim = claimed(store, store.add_sweep(make_specs(1), "a sweep").sweep_id)
        store.heartbeat([claim], {claim.spec.key: Progress(claim.spec.key, "training", 5)})
        assert whereabouts(location) == [("driver", "cpu")]


def test_a_database_without_places_is_read_as_it_is(location: str) -> None:
    with Store(location) as store:
        store.introduce(replace(DRIVER, devices="cpu"))
        claimed(store, store.add_sweep(make_specs(1), "a sweep").sweep_id)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE places")
    assert whereabouts(location) == [("driver", "cpu")]
    with Store(location) as store:
        assert "places" in sa.inspect(store.engine).get_table_names()
