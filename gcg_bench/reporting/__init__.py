"""What people look at: reports, leaderboards, comparison pages, tables, drawings, citations."""
