"""Who may see which records: rights, scopes, emergency access, and the audit of what was read."""
