"""Search in clinical notes: words, meanings and concepts, by one ranker."""
