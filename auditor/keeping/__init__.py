"""What is kept, how long, and what must go: legal holds, a patient's erasure, the end of retention."""
