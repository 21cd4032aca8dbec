package vecgate.authz_test

recorded := {"type": "record", "level": "request"}

test_changes_are_recorded_with_their_request if {
	recorded in obliged(["writer"], "upsert", "records")
	recorded in obliged(["admin"], "delete_collection", "collection")
}

test_reads_are_recorded_as_configured if {
	not recorded in obliged(["reader"], "search", "records")
	not recorded in obliged(["admin"], "list_collections", "database")
}

test_unmasked_reads_are_recorded_with_their_request if {
	recorded in obliged(["admin"], "get", "records")
}
