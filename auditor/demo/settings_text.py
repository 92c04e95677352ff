"""The `audit.yaml` of the simulated hospital."""

from typing import Final

AUDIT_YAML: Final = """\
# A simulated hospital: patients, reports, drafts and scores are made up by `auditor demo`.
system: chest-drafter
simulated: true
title: Chest radiograph drafts and finding scores (simulated)
owner: Radiology informatics
intended_use: >-
  Drafts a report of an adult chest radiograph and scores six findings; a radiologist reads every image and
  signs every report.
timezone: Europe/Berlin

tasks:
  report: {}
  classification:
    findings: [atelectasis, cardiomegaly, consolidation, edema, effusion, pneumothorax]
    operating_points:
      atelectasis: 0.17
      cardiomegaly: 0.16
      consolidation: 0.10
      edema: 0.09
      effusion: 0.17
      pneumothorax: 0.06

attributes:
  age: {bands: [18, 40, 65]}
slices: [site, sex, age, vendor, view, [sex, age]]

window: 4 weeks
trend: week
reference_window: {from: 2026-01-05, to: 2026-04-05}  # the first thirteen weeks, all of version 1.4
maturity_days: 14
stale_after_days: 14
exemplars: sentence  # no patient is behind these sentences

# The first and third Monday of a month from April, when the reference window is over and the night's files are in.
# A hospital would audit every week.
schedule:
  - {job: audit, cron: '0 7 1-7,15-21 4-12 mon', name: fortnightly-audit}
alerts: {quiet_after: 2, cool_down_days: 28}

# Watched week by week, on the whole system; only this may raise an alarm between the audits.
stop_questions:
  - task: report
    measure: contradicted_reports
    rationale: A rise of invented findings must stop the drafts within weeks, at whichever site it begins.
alarms_a_year: 1  # false ones that the committee accepts
case_mix: [age]  # older patients have more findings, and so more to get wrong

thresholds:
  - measure: contradicted_reports
    watch: 0.11
    act: 0.13
    rationale: >-
      At acceptance 8 % of drafts asserted a finding that the report denies; a third more is too many.
  - measure: contradicted_reports
    slices: [site]
    watch: 0.11
    rationale: The same bound holds at each site, so that a fault at one cannot hide in the average.
  - measure: laterality_reports
    watch: 0.025
    act: 0.04
    rationale: >-
      A wrong side can send the needle to the healthy lung; 1 % was accepted because every draft is read.
  - measure: omission_reports
    watch: 0.12
    rationale: >-
      Readers catch omissions on the image; twice the accepted 6 % costs them more than the drafts save.
  - measure: sensitivity
    watch: 0.80
    act: 0.75
    rationale: Reader studies behind the approval found .85 at the shipped operating points.
  - measure: specificity
    watch: 0.85
    act: 0.80
    rationale: Below this, false alarms crowd the worklist.
  - measure: sensitivity
    slices: [age, sex]  # each of them and their intersections
    contrast: rest
    watch: 0.10
    rationale: No group of patients may have ten points more of its findings missed than all others.
  - measure: calibration_gap
    watch: 0.02
    act: 0.04
    rationale: >-
      Stated probabilities sort the worklist; two points too many move healthy patients before sick ones.
  - measure: drift_distance
    watch: 0.10
    contrast: reference
    item: vendor
    rationale: Another mix of devices is a reason to look, not a harm by itself.
"""
