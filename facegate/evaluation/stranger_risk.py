"""The meter: how often the door, as it stands, lets a stranger in or refuses an enrolled person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facegate.domain.decisions import Threshold
from facegate.evaluation.operating_point import fpir_of
from facegate.evaluation.rates import upper_limit
from facegate.evaluation.words import counted, odds, odds_range


@dataclass(frozen=True, slots=True)
class StrangerRisk:
    """What the threshold means for a gallery.

    Attributes:
        people: enrolled and enabled, with a template of the network in use.
        templates: theirs; a stranger is compared with each.
        threshold: in force for a gallery of that size.
    """

    people: int
    templates: int
    threshold: Threshold

    @property
    def fpir(self) -> float:
        """Share of strangers' searches that let them in; 0 where no false match was seen."""
        return fpir_of(self.threshold.fmr.value, self.templates)

    @property
    def interval(self) -> tuple[float, float]:
        """The FPIR at the ends of the FMR's 95 % interval."""
        fmr = self.threshold.fmr
        return fpir_of(fmr.low, self.templates), fpir_of(fmr.high, self.templates)

    @property
    def least_supported(self) -> float:
        """The smallest FPIR that the measured pairs can support, at 95 % (rule of three)."""
        return fpir_of(upper_limit(0, self.threshold.fmr.trials), self.templates)

    def stranger_sentence(self) -> str:
        """The risk of strangers, in words."""
        if not self.templates:
            return "Nobody enabled is enrolled with the network in use, so nobody is let in."
        gallery = (
            f"With {counted(self.people, 'person', 'people')} enrolled "
            f"({counted(self.templates, 'template', 'templates')}), "
        )
        if not self.threshold.is_set:
            return f"{gallery}nobody matches: the network has no threshold yet."
        if not self.threshold.fmr.trials:
            return f"{gallery}how often a stranger is let in was not measured."
        best = f"your data can support at most {odds(self.least_supported)}"
        fmr = self.threshold.fmr
        if not fmr.errors:
            return (
                f"{gallery}no measured stranger is let in "
                f"({counted(fmr.trials, 'pair', 'pairs')} compared); {best} (95 %, rule of three)."
            )
        low, high = self.interval
        return (
            f"{gallery}a stranger is let in about {odds(self.fpir, 'time ', 'times ')} "
            f"(95 %: {odds_range(low, high)}); {best}."
        )

    def refusal_sentence(self) -> str:
        """What the same threshold costs enrolled people, in words.

        It is the rate of one comparison; who has several templates is refused less often.
        """
        fnmr = self.threshold.fnmr
        if not fnmr.trials:
            return "How often enrolled people are refused was not measured."
        pairs = counted(fnmr.trials, "pair", "pairs")
        if not fnmr.errors:
            limit = odds(upper_limit(0, fnmr.trials))
            return (
                f"No try of an enrolled person is refused in {pairs}; your data can support at "
                f"most {limit} (95 %, rule of three)."
            )
        verb = "is" if fnmr.value < 0.1 else "are"
        return (
            f"About {odds(fnmr.value)} of enrolled people's tries {verb} refused (FNMR "
            f"{fnmr.value:.2%}: {fnmr.errors:,} of {pairs}; 95 %: "
            f"{odds_range(fnmr.low, fnmr.high)})."
        )

    def as_dict(self) -> dict[str, Any]:
        """The meter as JSON has it."""
        fnmr = self.threshold.fnmr
        return {
            "people": self.people,
            "templates": self.templates,
            "tau": self.threshold.tau,
            "fpir": self.fpir,
            "fpir_interval_95": list(self.interval),
            "least_supported_fpir": self.least_supported,
            "fnmr": {
                "value": fnmr.value,
                "count": fnmr.errors,
                "of": fnmr.trials,
                "interval_95": [fnmr.low, fnmr.high],
            },
            **self.threshold.evidence(),
            "sentences": [self.stranger_sentence(), self.refusal_sentence()],
        }
