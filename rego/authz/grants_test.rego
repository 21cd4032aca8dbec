package vecgate.authz_test

import data.vecgate.authz

refused(roles, action, selector) := denials if {
	denials := authz.denials with input as asked(roles, action, "records", selector)
}

test_a_reader_reads if {
	every action in ["search", "query_group", "scroll", "get", "count"] {
		count(refused(["reader"], action, "all")) == 0
	}
}

test_a_reader_connects if {
	every action in ["meta", "health", "user_read", "database_read", "list_collections", "describe_collection"] {
		count(refused(["reader"], action, "none")) == 0
	}
}

test_a_reader_does_not_write if {
	every action in ["upsert", "update_payload", "update_vectors", "delete_records", "delete_collection"] {
		refused(["reader"], action, "ids") == {"action_not_granted"}
	}
}

test_a_writer_writes_named_records if {
	every action in ["upsert", "update_payload", "update_vectors", "delete_records"] {
		count(refused(["writer"], action, "ids")) == 0
	}
}

test_a_writer_does_not_delete_by_filter if {
	every selector in ["filter", "all", "none"] {
		refused(["writer"], "delete_records", selector) == {"selector_not_granted"}
	}
}

test_an_admin_deletes_by_filter if {
	count(refused(["admin"], "delete_records", "filter")) == 0
}

administrative := [
	"alter_collection",
	"cluster_admin",
	"copy_collection",
	"create_collection",
	"database_change",
	"delete_collection",
	"pipeline_change",
	"pipeline_read",
]

test_a_writer_does_not_administer if {
	every action in administrative {
		refused(["writer"], action, "none") == {"action_not_granted"}
	}
}

test_an_admin_administers if {
	every action in administrative {
		count(refused(["admin"], action, "none")) == 0
	}
}

test_nobody_does_what_cannot_be_judged if {
	every action in ["unknown", "internal", "raw_query", "script_exec", "export", "no_such_action"] {
		refused(["reader", "writer", "admin"], action, "ids") == {"action_not_granted"}
	}
}

test_a_role_that_is_unknown_here_grants_nothing if {
	refused(["root", "Reader", ""], "search", "all") == {"role_missing"}
}

test_an_unknown_role_takes_nothing_away if {
	granted := authz.grants with input as asked(["root", "reader"], "search", "records", "all")
	granted == {"reader"}
}
