"""Visual inspection."""
