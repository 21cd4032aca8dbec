package vecgate.authz_test

import data.vecgate.authz

high_risk := {
	"bulk_delete": {"for": ["role:keeper"], "ids": 100},
	"select_all": {"for": ["role:keeper"]},
	"schema_change": {"for": ["role:keeper"]},
	"export": {"for": ["role:keeper"]},
	"snapshot": {"for": ["role:keeper"]},
	"oversize_query": {"for": ["role:keeper"], "records": 1000, "queries": 10, "bytes": 65536, "offset": 5000},
}

restricted(changes) := restricted_by(high_risk, {"reader"}, asked({"operation": changes}))

restricted_by(value, grants, question) := denials & {reason | some reason in reasons} if {
	denials := authz.denials with authz.grants as grants
		with data.vecgate.high_risk as value
		with input as question
}

# Each kind, as an operation, with the nearest one that is not of it.
kinds := {
	"bulk_delete": [{"action": "delete_records", "selector": "filter"}, {"action": "delete_records", "selector": "ids"}],
	"select_all": [{"action": "scroll", "probe": "none"}, {"action": "scroll", "probe": "none", "selector": "filter"}],
	"schema_change": [{"action": "create_collection"}, {"action": "describe_collection"}],
	"export": [{"action": "export"}, {"action": "scroll"}],
	"snapshot": [{"action": "snapshot_read"}, {"action": "get"}],
	"oversize_query": [{"limit": 1001}, {"limit": 1000}],
}

reasons := {
	"bulk_delete": "bulk_delete_restricted",
	"select_all": "select_all_restricted",
	"schema_change": "schema_change_restricted",
	"export": "export_restricted",
	"snapshot": "snapshot_restricted",
	"oversize_query": "oversize_query_restricted",
}

test_each_kind_has_its_reason if {
	every kind, pair in kinds { restricted(pair[0]) == {reasons[kind]} }
}

test_the_nearest_operation_is_of_no_kind if {
	every pair in kinds { restricted(pair[1]) == set() }
}

test_each_kind_is_open_to_whom_it_is_for if {
	every pair in kinds {
		question := asked({"principal": {"roles": ["keeper"]}, "operation": pair[0]})
		restricted_by(high_risk, {"keeper"}, question) == set()
	}
}

test_each_kind_is_switched_off_by_everyone if {
	every kind, pair in kinds {
		open := object.union(high_risk, {kind: {"for": ["everyone"]}})
		restricted_by(open, {"reader"}, asked({"operation": pair[0]})) == set()
	}
}

test_a_kind_that_is_missing_is_for_nobody if {
	every kind, pair in kinds {
		question := asked({"principal": {"roles": ["keeper"]}, "operation": pair[0]})
		restricted_by(object.remove(high_risk, [kind]), {"keeper"}, question) == {reasons[kind]}
	}
}

test_what_is_not_granted_is_denied_for_that_alone if {
	every pair in kinds { restricted_by(high_risk, set(), asked({"operation": pair[0]})) == set() }
}

test_many_ids_are_bulk if {
	restricted({"action": "delete_records", "selector": "ids", "ids": 101}) == {"bulk_delete_restricted"}
	restricted({"action": "delete_records", "selector": "ids", "ids": 100}) == set()
}

test_deleting_a_collection_is_bulk if {
	restricted({"action": "delete_collection", "scope": "collection"}) == {"bulk_delete_restricted"}
}

test_a_search_of_all_records_is_no_dump if {
	restricted({"action": "search", "selector": "all", "probe": "vector"}) == set()
	restricted({"action": "count", "selector": "all", "probe": "none"}) == set()
}

test_every_measure_of_a_query_counts if {
	every changes in [
		{"limit": 1001}, {"offset": 5001}, {"size": 131072}, {"batch": {"count": 11}},
	] {
		restricted(changes) == {"oversize_query_restricted"}
	}
	restricted({"limit": null, "offset": 5000, "size": 65536, "batch": {"count": 10}}) == set()
}

test_a_measure_that_is_missing_restricts if {
	every measure in ["records", "queries", "bytes", "offset"] {
		value := json.remove(high_risk, [sprintf("oversize_query/%s", [measure])])
		restricted_by(value, {"reader"}, asked({"operation": {"limit": null, "offset": null}})) == {"oversize_query_restricted"}
	}
	value := json.remove(high_risk, ["bulk_delete/ids"])
	deletion := asked({"operation": {"action": "delete_records", "selector": "ids", "ids": 1}})
	restricted_by(value, {"reader"}, deletion) == {"bulk_delete_restricted"}
}

test_a_write_is_no_query if restricted({"action": "upsert", "size": 131072, "selector": "ids"}) == set()
