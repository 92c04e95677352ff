"""What a report denies and what it speaks about at all."""

from collections.abc import Iterable

from auditor.claims.claim import Claim
from auditor.claims.lexicon import Lexicon
from auditor.claims.observations import Observation, sides_agree, sites_agree


class Evidence:
    """The denials, normal statements, structures and devices of one report."""

    def __init__(self, claims: Iterable[Claim], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.denials: dict[str, list[Claim]] = {}
        self.normals: list[Claim] = []
        self.structures: set[str] = set()
        self.devices: set[str] = set()
        for claim in claims:
            if not claim.context:
                self._take(claim)

    def _take(self, claim: Claim) -> None:
        lexicon = self.lexicon
        if claim.kind == "normal":
            self.normals.append(claim)
            self.structures |= lexicon.normals[claim.finding].addresses
            return
        if claim.status == "absent":
            self.denials.setdefault(claim.finding, []).append(claim)
        if claim.kind == "device":
            self.devices |= lexicon.ancestors[claim.finding]
        else:
            self.structures.add(lexicon.findings[claim.finding].structure)

    @property
    def addressed(self) -> int:
        """How many structures and classes of device the report speaks of, whatever it says of them."""
        return len(self.structures) + sum(not self.lexicon.findings[one].parents for one in self.devices)

    def denial(self, observation: Observation) -> Claim | None:
        """The statement that denies an observation, if there is one."""
        for above in self.lexicon.ancestors[observation.finding]:
            for claim in self.denials.get(above, ()):
                if not claim.qualified and self._same_place(claim, observation):
                    return claim
        if self.lexicon.findings[observation.finding].significance == "benign":
            return None  # "lungs are clear" is said of lungs with an old granuloma
        for claim in self.normals:
            covered = observation.finding in self.lexicon.normals[claim.finding].covers
            if covered and self._same_place(claim, observation):
                return claim
        return None

    def outright(self, name: str, side: str | None, asserted: Iterable[str]) -> Claim | None:
        """The statement that denies a finding by name, unless the report itself asserts what it denies."""
        claims = self.denials.get(name, ())
        if any(name in self.lexicon.ancestors[one] for one in asserted):
            return None
        return next((c for c in claims if not c.qualified and sides_agree(c.side, side)), None)

    def _same_place(self, claim: Claim, observation: Observation) -> bool:
        sided = claim.side not in (None, "bilateral")
        unsided = self.lexicon.findings[observation.finding].unsided
        if sided and not unsided and observation.side != claim.side:
            return False
        return not claim.sites or sites_agree(set(claim.sites), observation.sites, self.lexicon)

    def addresses(self, observation: Observation) -> bool:
        """Whether the report speaks of the observation's structure, or of a device of its class."""
        finding = self.lexicon.findings[observation.finding]
        if finding.kind == "device":
            shared = self.lexicon.ancestors[observation.finding] & self.devices
            return any(self.lexicon.findings[one].parents for one in shared if one != observation.finding) or (
                observation.finding in shared
            )
        return finding.structure in self.structures
