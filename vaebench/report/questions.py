"""The questions that the page answers, in the order to read them, with their figures and tables."""

from __future__ import annotations

from dataclasses import dataclass

from vaebench.report.figures import Figure


@dataclass(frozen=True)
class Question:
    """A part of the page.

    Attributes:
        id: Its anchor.
        title: Its heading.
        lead: What is to be known first.
        figures: Names of figures, in the order to show them.
        tables: Names of the analysis' tables that belong to it.
    """

    id: str
    title: str
    lead: str = ""
    figures: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


QUESTIONS: tuple[Question, ...] = (
    Question(
        "decides",
        "Seed or model: what decides the scores?",
        "Runs differ in model, strength of its regulariser and seed. Where the seed’s share is "
        "large, a difference between two single runs says nothing of their models.",
        ("variance_components", "seed_or_strength", "strengths", "cross_validation", "violins",
         "total_correlation"),
        ("variance_components", "variance_explained", "seed_or_strength", "cross_validation",
         "total_correlation"),
    ),
    Question(
        "models",
        "Which model is better, and how sure is that?",
        "",
        ("iqm", "improvement", "profiles", "ranking", "paired", "seeds_needed", "seeds_power"),
        ("iqm", "improvement", "profiles", "ranking", "seeds_needed", "seeds_power"),
    ),
    Question(
        "agree",
        "Do the metrics agree?",
        "",
        ("metric_correlation", "transfer"),
        ("metric_correlation", "transfer"),
    ),
    Question(
        "labels",
        "Can a model be chosen without labels?",
        "",
        ("best_of", "unsupervised_correlation", "selection"),
        ("best_of", "unsupervised_correlation", "selection"),
    ),
    Question(
        "downstream",
        "Does disentanglement help downstream?",
        "",
        ("downstream_correlation", "downstream_curves"),
        ("downstream_correlation", "downstream_curves"),
    ),
    Question(
        "collapsed",
        "What is collapsed, and what is noise?",
        "A run without an active unit tells nothing apart: its scores are those of a constant.",
        ("collapse", "evaluation_noise"),
        ("collapse", "evaluation_noise"),
    ),
    Question("runs", "The runs", "", ("rate_distortion", "curves")),
    Question("times", "Wall time", "", ("wall_time",)),
)  # fmt: skip
"""The parts with figures; failed jobs, pictures, facts and commands stand around them."""

PICTURES_BEFORE = "times"
"""The part before which the pictures stand."""


def place(figures: tuple[Figure, ...]) -> dict[str, list[Figure]]:
    """Places every figure in its question; one that none names, where its first table is.

    Returns:
        By question, its figures in the order to show them.
    """
    found: dict[str, list[Figure]] = {question.id: [] for question in QUESTIONS}
    for figure in figures:
        named = [each.id for each in QUESTIONS if figure.name in each.figures]
        first = figure.tables[0] if figure.tables else ""
        tabled = [each.id for each in QUESTIONS if first in each.tables]
        found[(named or tabled or ["runs"])[0]].append(figure)
    for question in QUESTIONS:
        order = {name: at for at, name in enumerate(question.figures)}
        found[question.id].sort(key=lambda each: order.get(each.name, len(order)))
    return found
