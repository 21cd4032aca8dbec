package vecgate.authz_test

import data.vecgate.authz

test_what_is_read_and_what_is_written_is_touched if {
	["a", "b", "a"] == authz.touched with input as operation({"reads": ["a"], "writes": ["b", "a"]})
	[] == authz.touched with input as operation({"reads": [], "writes": []})
}

test_searches_read if {
	every action in ["search", "scroll", "get", "count", "list_collections", "health"] {
		authz.reading with input as operation({"action": action})
	}
}

test_writes_and_unknown_actions_do_not_read if {
	every action in ["upsert", "delete_records", "snapshot_read", "raw_query", "unknown", "no_such_action"] {
		not authz.reading with input as operation({"action": action})
	}
}

test_records_are_reached_one_by_one_or_by_the_collection if {
	authz.reaches_records with input as operation({"action": "count"})
	authz.reaches_records with input as operation({"action": "copy_collection", "scope": "collection"})
	not authz.reaches_records with input as operation({"action": "describe_collection", "scope": "collection"})
}

test_a_name_is_one_of_a_list_or_begins_as_a_pattern if {
	authz.named("hr", ["sales", "hr"])
	authz.named("hr-2026", ["hr-*"])
	authz.named("anything", ["*"])
}

test_another_name_is_not if {
	not authz.named("hr-2026", ["hr"])
	not authz.named("shr-2026", ["hr-*"])
	not authz.named("HR", ["hr"])
	not authz.named("hr", [])
}
