"""What narration computes: text to speech with the times of its words."""
