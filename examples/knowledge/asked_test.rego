package vecgate.knowledge_test

import data.vecgate.authz

# A search of the handbook by a person with one `role` in the office, but for the `changes`.
asked(role, changes) := object.union(
	{
		"principal": {
			"id": "i#p", "person": "p@example.com", "roles": [role], "groups": ["berlin"], "kind": "human", "claims": {},
		},
		"operation": {
			"database": "kb", "action": "search", "scope": "records", "namespace": null, "reads": ["handbook"], "writes": [],
			"selector": "all", "probe": "vector", "ids": 0, "limit": 10, "offset": null, "size": 2048,
			"batch": {"index": 0, "count": 1},
		},
		"context": {"source": "10.20.3.4"},
	},
	changes,
)

decided(role, changes) := decision if decision := authz.decision with input as asked(role, changes)

refused(role, changes) := object.get(decided(role, changes), "reasons", set())

obliged(role, changes) := decided(role, changes).obligations

of(collection) := {"operation": {"reads": [collection]}}

recorded := {"type": "record", "level": "request"}
