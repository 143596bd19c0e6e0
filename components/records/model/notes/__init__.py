"""Notes from resources: what an attachment holds, as text, and what is known of it."""
