package vecgate.authz_test

# What the tests of this package ask: a reader's search by a vector, but for the `changes`. The data are each test's own, so
# the tests hold beside any data.yaml.
asked(changes) := object.union(
	{
		"principal": {"id": "i#ana", "roles": ["reader"], "groups": [], "kind": "human", "claims": {}},
		"operation": {
			"database": "kb", "action": "search", "scope": "records", "namespace": "main/docs", "reads": ["tickets"],
			"writes": [], "selector": "all", "probe": "vector", "ids": 0, "limit": 10, "offset": null, "size": 2048,
			"batch": {"index": 0, "count": 1},
		},
	},
	changes,
)

operation(changes) := asked({"operation": changes})

caller(changes) := asked({"principal": changes})
