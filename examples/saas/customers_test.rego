package vecgate.saas_test

import data.vecgate.authz

# An operation of a caller with one `role` for a tenant, but for the `changes`.
asked(role, tenant, changes) := {
	"principal": {"id": "i#p", "roles": [role], "groups": [], "kind": "workload", "claims": {"tenant": tenant}},
	"operation": object.union(
		{
			"database": "kb", "action": "search", "scope": "records", "namespace": null, "reads": ["tickets"], "writes": [],
			"selector": "all", "probe": "vector", "ids": 0, "limit": 10, "offset": null, "size": 2048,
			"batch": {"index": 0, "count": 1},
		},
		changes,
	),
}

decided(role, tenant, changes) := decision if decision := authz.decision with input as asked(role, tenant, changes)

refused(role, tenant, changes) := object.get(decided(role, tenant, changes), "reasons", set())

obliged(role, tenant, changes) := decided(role, tenant, changes).obligations

upsert := {"action": "upsert", "reads": [], "writes": ["tickets"], "selector": "ids", "ids": 3, "probe": "none"}

by_filter := {"action": "delete_records", "reads": [], "writes": ["tickets"], "selector": "filter", "probe": "none"}

page := {"action": "scroll", "probe": "none"}

create := {"action": "create_collection", "scope": "collection", "reads": [], "writes": ["new"], "selector": "none"}

own(tenant) := {"type": "filter", "where": {"type": "field", "operator": "eq", "field": "tenant", "value": tenant}}

stamped(tenant) := {"type": "stamp", "fields": {"tenant": tenant}}

test_each_tenant_reads_its_own_records if {
	every role in ["app", "viewer", "owner", "support"] {
		own("t1") in obliged(role, "t1", {})
		own("t2") in obliged(role, "t2", {})
	}
}

test_what_the_app_writes_is_the_tenants if {
	{own("t1"), stamped("t1")} == obliged("app", "t1", upsert) & {own("t1"), stamped("t1")}
}

test_nobody_acts_without_a_tenant_but_an_operator if {
	refused("app", null, {}) == {"tenant_missing"}
	not own(null) in obliged("operator", null, {})
}

test_help_is_read_by_all_and_written_by_operators if {
	not own("t1") in obliged("viewer", "t1", {"reads": ["help-en"]})
	refused("app", "t1", object.union(upsert, {"writes": ["help-en"]})) == {"shared_collection_read_only"}
	refused("operator", null, object.union(upsert, {"writes": ["help-en"]})) == set()
}

test_only_an_operator_changes_collections if {
	refused("owner", "t1", create) == {"action_not_granted", "beyond_tenant"}
	refused("operator", null, create) == set()
}

test_an_owner_deletes_by_filter_and_the_app_does_not if {
	refused("app", "t1", by_filter) == {"bulk_delete_restricted"}
	own("t1") in obliged("owner", "t1", by_filter)
}

test_an_owner_pages_through_the_own_records_and_a_viewer_searches if {
	own("t1") in obliged("owner", "t1", page)
	refused("viewer", "t1", page) == {"select_all_restricted"}
	refused("viewer", "t1", {}) == set()
}

masked(role, field) if {
	some obligation in obliged(role, "t1", {})
	obligation.type == "mask"
	field in obligation.fields
}

test_support_sees_neither_persons_nor_texts if {
	every field in ["email", "document", "api_key"] { masked("support", field) }
	not masked("viewer", "document")
	masked("viewer", "email")
	not masked("owner", "email")
}

test_secrets_are_shown_to_nobody if {
	every role in ["app", "viewer", "owner", "support", "operator"] { masked(role, "api_key") }
}

test_vectors_are_the_apps if {
	not {"type": "vectors", "return": false} in obliged("app", "t1", {})
	{"type": "vectors", "return": false} in obliged("owner", "t1", {})
}

test_support_is_recorded if {
	{"type": "record", "level": "request"} in obliged("support", "t1", {})
	not {"type": "record", "level": "request"} in obliged("support", "t1", {"action": "list_collections", "scope": "database"})
}

test_a_suspended_tenant_does_nothing if {
	refused("app", "t1", {}) == {"tenant_suspended"} with data.saas.suspended as ["t1"]
	refused("app", "t2", {}) == set() with data.saas.suspended as ["t1"]
	refused("operator", "t1", {}) == set() with data.saas.suspended as ["t1"]
}

test_without_the_list_nothing_is_allowed if {
	refused("app", "t1", {}) == {"suspended_missing"} with data.saas.suspended as null
}
