"""The words of the report, for those who do not measure faces every day."""

from __future__ import annotations

from facegate.report.content import Facts, Section

_WORDS = (
    (
        "Similarity",
        "How alike two faces are to the network: a cosine from −1 to 1, higher is more.",
    ),
    ("Threshold, τ", "From this similarity on, two pictures count as one person."),
    ("Mated, non-mated", "A pair of pictures of one person; a pair of two different people."),
    ("FMR", "False match rate: the share of non-mated pairs that count as one person."),
    ("FNMR", "False non-match rate: the share of mated pairs that do not."),
    ("TMR", "True match rate: 1 − FNMR."),
    ("Failure to acquire", "A picture in which no face was found, or that could not be read."),
    (
        "FPIR, FNIR",
        "The same errors of a search among many enrolled people: strangers who are given a name, "
        "and enrolled people who are not given theirs.",
    ),
    (
        "95 % interval",
        "Where the true rate lies, as far as so few trials can tell: a method that is right in at "
        "least 95 of 100 such measurements, when trials are independent (Clopper and Pearson).",
    ),
    (
        "Rule of three",
        "When n trials show no error, the true rate is below about 3 / n, with 95 % confidence.",
    ),
    (
        "Template",
        "The code that a face is compared by. It is biometric data; none is in this file.",
    ),
)


def words_section() -> Section:
    """What the terms mean; they are those of ISO/IEC 19795-1."""
    return Section("Words", "Terms are those of ISO/IEC 19795-1.", (Facts(_WORDS),))
