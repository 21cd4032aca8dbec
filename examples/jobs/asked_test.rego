package vecgate.jobs_test

import data.vecgate.authz

night := 1800068400000000000 # 2027-01-16, three hours after midnight

day := 1800111600000000000 # the same day, three hours after noon

# A search of a program with one `role` at night, but for the `changes`.
asked(role, changes) := object.union(
	{
		"principal": {
			"id": "i#job", "person": null, "roles": [role], "groups": [], "kind": "workload",
			"claims": {"repository": "shop"},
		},
		"operation": {
			"database": "kb", "action": "search", "scope": "records", "namespace": null, "reads": ["catalogue"], "writes": [],
			"selector": "all", "probe": "vector", "ids": 0, "limit": 10, "offset": null, "size": 2048,
			"batch": {"index": 0, "count": 1},
		},
		"context": {"time_ns": night},
	},
	changes,
)

decided(role, changes) := decision if decision := authz.decision with input as asked(role, changes)

refused(role, changes) := object.get(decided(role, changes), "reasons", set())

changing(action, collection) := {"operation": {
	"action": action, "reads": [], "writes": [collection], "selector": "ids", "probe": "none", "ids": 3,
}}

at(time_ns) := {"context": {"time_ns": time_ns}}

human := {"principal": {"kind": "human"}}
