package vecgate.admin_test

# What the tests of this package ask, but for the `changes`; the data are each test's own.
asked(changes) := object.union(
	{
		"principal": {"id": "i#ada", "person": "ada@example.com", "roles": ["keeper"], "groups": [], "kind": "human"},
		"act": "session_read",
		"target": {"id": null, "person": "rita@example.com", "roles": [], "fields": []},
	},
	changes,
)
