"""What a lake knows, in memory, as pages ask for it: timelines, neighbours, cohorts, pairs."""
