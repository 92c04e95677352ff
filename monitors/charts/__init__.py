"""Charts over sealed weeks: the null they are held against, their statistics, and intervals for any-time looks."""
