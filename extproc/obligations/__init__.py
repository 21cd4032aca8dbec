"""What must be done for an allowed operation to stay allowed."""
