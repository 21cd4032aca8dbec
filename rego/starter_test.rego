package vecgate.starter_test

import data.vecgate.admin
import data.vecgate.authz

# A caller with `roles` who asks for `action`, on records that are chosen by `selector` where it is on records.
asked(roles, action, scope, selector) := {
	"principal": {"roles": roles, "groups": [], "kind": "human", "claims": {}},
	"operation": {
		"database": "kb", "action": action, "scope": scope, "namespace": null, "reads": ["tickets"], "writes": [],
		"selector": selector, "probe": "none", "ids": 3, "limit": null, "offset": null, "size": 2048,
		"batch": {"index": 0, "count": 1},
	},
}

refused(roles, action, selector) := denials if {
	denials := authz.denials with input as asked(roles, action, "records", selector)
}

obliged(roles, action, scope) := obligations if {
	obligations := authz.obligations with input as asked(roles, action, scope, "ids")
}

recorded := {"type": "record", "level": "request"}

hidden := {obligation | some class in data.vecgate.classes; some obligation in class.hides}

test_no_input_is_denied if {
	authz.decision == {"allow": false, "reasons": {"role_missing"}} with input as {}
}

test_a_reader_reads if {
	every action in ["search", "query_group", "scroll", "get", "count"] {
		refused(["reader"], action, "all") == set()
	}
}

test_a_reader_connects if {
	every action in ["meta", "health", "user_read", "database_read", "list_collections", "describe_collection"] {
		refused(["reader"], action, "none") == set()
	}
}

test_a_reader_does_not_write if {
	every action in ["upsert", "update_payload", "update_vectors", "delete_records", "delete_collection"] {
		refused(["reader"], action, "ids") == {"action_not_granted"}
	}
}

test_a_writer_writes_named_records if {
	every action in ["upsert", "update_payload", "update_vectors", "delete_records"] {
		refused(["writer"], action, "ids") == set()
	}
}

test_a_writer_does_not_delete_by_filter if {
	every selector in ["filter", "all", "none"] {
		refused(["writer"], "delete_records", selector) == {"selector_not_granted"}
	}
}

deletion(count) := object.union(asked(["writer"], "delete_records", "records", "ids"), {"operation": {"ids": count}})

test_a_writer_deletes_at_most_ten_thousand_records_at_a_time if {
	authz.allow with input as deletion(10000)
	authz.denials == {"bulk_delete_restricted"} with input as deletion(10001)
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
	"snapshot_create",
]

test_a_writer_does_not_administer if {
	every action in administrative { refused(["writer"], action, "none") == {"action_not_granted"} }
}

test_an_admin_administers if {
	every action in administrative { refused(["admin"], action, "none") == set() }
}

test_an_admin_deletes_by_filter if refused(["admin"], "delete_records", "filter") == set()

test_nobody_does_what_cannot_be_judged if {
	every action in ["unknown", "internal", "raw_query", "script_exec", "export", "no_such_action"] {
		refused(["reader", "writer", "admin"], action, "ids") == {"action_not_granted"}
	}
}

test_an_allowed_read_is_cached_and_a_write_is_not if {
	read := authz.decision with input as asked(["reader"], "search", "records", "all")
	read.cache == {"ttl": "30s"}
	write := authz.decision with input as asked(["writer"], "upsert", "records", "ids")
	write.allow
	not write.cache
}

test_readers_see_no_hidden_field_and_fifty_records if {
	every action in ["search", "scroll", "get", "count"] {
		obliged(["reader"], action, "records") == hidden | {{"type": "limit", "max": 50}}
	}
	obliged(["writer"], "delete_records", "records") == (hidden | {recorded}) | {{"type": "limit", "max": 50}}
}

test_what_is_hidden_is_masked_and_vectors_are_withheld if {
	{"type": "vectors", "return": false} in hidden
	masked := {field | some obligation in hidden; some field in obligation.fields}
	masked == {
		"_node_content", "api_key", "card", "document", "email", "name", "page_content", "phone", "ssn", "text",
		"metadata.api_key", "metadata.card", "metadata.email", "metadata.name", "metadata.phone", "metadata.ssn",
	}
}

test_an_admin_sees_records_as_they_are if obliged(["admin"], "search", "records") == {recorded}

test_collections_hold_nothing_to_mask if obliged(["reader"], "describe_collection", "collection") == set()

may(roles, act, person) if {
	admin.allow with input as {
		"principal": {"id": "i#p", "person": "p@x", "roles": roles, "groups": [], "kind": "human"},
		"act": act,
		"target": {"id": "t", "person": person, "roles": [], "fields": ["product"]},
	}
}

test_a_platform_admin_administers_and_does_not_approve if {
	every act in ["erase", "lock_change", "mask_reveal", "token_issue"] { may(["platform-admin"], act, "q@x") }
	not may(["platform-admin"], "approval_decide", "q@x")
}

test_an_approver_approves_what_others_ask if {
	may(["approver"], "approval_decide", "q@x")
	not may(["approver"], "approval_decide", "p@x")
}

test_an_auditor_reads_and_changes_nothing if {
	every act in ["session_read", "evidence_export", "policy_read"] { may(["auditor"], act, "q@x") }
	every act in ["erase", "lock_change", "mask_reveal", "token_issue", "approval_decide"] { not may(["auditor"], act, "q@x") }
}

test_everyone_sees_why_their_own_request_was_denied if {
	may(["reader"], "explain", "p@x")
	not may(["reader"], "explain", "q@x")
}

test_an_admin_of_the_database_is_none_of_the_gateway if not may(["admin"], "session_read", "q@x")
