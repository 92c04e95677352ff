"""An audit is a build: inputs → judgements → tallies → measurements → verdicts, each named by its making."""
