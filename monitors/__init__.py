"""Pure mathematics: what is measured, with which uncertainty, and what verdict that gives.

Nothing here opens a file, a database or a socket, and nothing here knows the time.
"""
