"""Policy engines: whatever turns an Input into a Decision."""
