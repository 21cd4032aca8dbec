package vecgate.authz_test

import data.vecgate.authz

kept(changes) := denials if {
	denials := authz.denials & {"beyond_tenant", "shared_collection_read_only", "tenant_probe_by_id"} with input as asked(object.union({"principal": {"claims": {"tenant": "t1"}}}, changes))
		with data.vecgate.tenancy as tenancy
}

test_a_tenant_changes_no_collection if {
	every action in ["create_collection", "delete_collection", "alter_collection", "copy_collection", "snapshot_create"] {
		kept({"operation": {"action": action, "scope": "collection"}}) == {"beyond_tenant"}
	}
	kept({"operation": {"action": "cluster_admin", "scope": "cluster"}}) == {"beyond_tenant"}
}

test_a_tenant_counts_no_database if kept({"operation": {"action": "count", "scope": "database"}}) == {"beyond_tenant"}

test_a_tenant_finds_its_collections if {
	kept({"operation": {"action": "describe_collection", "scope": "collection"}}) == set()
	kept({"operation": {"action": "list_collections", "scope": "database"}}) == set()
	kept({"operation": {"action": "user_read", "scope": "cluster"}}) == set()
}

test_an_operator_changes_collections if {
	kept({"principal": {"roles": ["operator"]}, "operation": {"action": "create_collection", "scope": "collection"}}) == set()
}

test_a_shared_collection_is_not_written if {
	kept({"operation": {"action": "upsert", "writes": ["help-en"]}}) == {"shared_collection_read_only"}
	kept({"operation": {"action": "upsert", "writes": ["tickets"]}}) == set()
	kept({"operation": {"action": "search", "reads": ["help-en"]}}) == set()
}

test_another_record_is_no_probe if {
	kept({"operation": {"probe": "id"}}) == {"tenant_probe_by_id"}
	kept({"operation": {"probe": "id", "reads": ["help-en"]}}) == set()
	kept({"operation": {"probe": "vector"}}) == set()
}
