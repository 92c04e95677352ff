"""Who vouches for the record: the workspace's signing key, anchors outside of it, people and their sign-offs."""
