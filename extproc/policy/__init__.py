"""What authors of policies do with them before they decide anything: test them, and build them into bundle files."""
