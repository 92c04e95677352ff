"""From files to the lake: readers, mapping, pseudonyms, the gate, quarantine.

Nothing here quotes a value of a file in an exception, a reason or a log: it may be patient data.
"""
