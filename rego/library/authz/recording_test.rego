package vecgate.authz_test

import data.vecgate.authz

recorded(changes) if {
	{"type": "record", "level": "request"} in authz.obligations with input as asked(changes)
		with data.vecgate.classes as classes
}

test_changes_are_recorded_with_their_request if {
	recorded({"operation": {"action": "upsert"}})
	recorded({"operation": {"action": "delete_collection", "scope": "collection"}})
}

test_reads_are_recorded_as_configured if not recorded({"operation": {"action": "search"}})

test_who_sees_hidden_fields_is_recorded if {
	recorded({"principal": {"roles": ["hr"]}})
	not recorded({"principal": {"roles": ["hr"]}, "operation": {"action": "list_collections", "scope": "database"}})
}
