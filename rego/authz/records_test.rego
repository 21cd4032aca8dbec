package vecgate.authz_test

import data.vecgate.authz

obliged(roles, action, scope) := obligations if {
	obligations := authz.obligations with input as asked(roles, action, scope, "ids")
}

test_records_are_narrowed_for_readers_and_writers if {
	every role in ["reader", "writer"] {
		every action in ["search", "scroll", "get", "count"] {
			obliged([role], action, "records") == {obligation | some obligation in data.vecgate.obligations}
		}
	}
}

test_a_masked_field_is_masked_in_deletions_too if {
	some obligation in obliged(["writer"], "delete_records", "records")
	obligation.type == "mask"
	"email" in obligation.fields
}

test_embeddings_never_leave if {
	{"type": "vectors", "return": false} in obliged(["reader"], "search", "records")
}

test_an_admin_sees_records_as_they_are if {
	obliged(["admin"], "search", "records") == {{"type": "record", "level": "request"}}
}

test_collections_hold_nothing_to_mask if {
	count(obliged(["reader"], "describe_collection", "collection")) == 0
}

test_without_obligations_nothing_is_allowed if {
	every missing in [null, {}, "none"] {
		decision := authz.decision with input as asked(["reader"], "search", "records", "all")
			with data.vecgate.obligations as missing
		decision == {"allow": false, "reasons": {"obligations_missing"}}
	}
}

test_an_empty_list_of_obligations_is_an_answer if {
	decision := authz.decision with input as asked(["reader"], "search", "records", "all")
		with data.vecgate.obligations as []
	decision.allow
}
