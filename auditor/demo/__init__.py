"""A simulated hospital with planted faults: what `auditor demo` feeds, audits and checks."""
