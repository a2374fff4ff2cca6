"""Output for people: reports, leaderboards, comparison pages, tables, drawings, citations."""
