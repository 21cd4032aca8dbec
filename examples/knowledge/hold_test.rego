package vecgate.knowledge_test

changing(action, collections) := {"operation": {
	"action": action, "reads": [], "writes": collections, "selector": "ids", "probe": "none", "ids": 1,
}}

test_nothing_is_changed_where_a_hold_is if {
	every action in ["upsert", "update_payload", "delete_records"] {
		refused("steward", changing(action, ["health-cases"])) == {"on_hold"} with data.knowledge.on_hold as ["health-*"]
		refused("steward", changing(action, ["handbook"])) == set() with data.knowledge.on_hold as ["health-*"]
	}
}

test_what_is_on_hold_is_read if {
	refused("physician", of("health-cases")) == set() with data.knowledge.on_hold as ["health-*"]
}

test_what_may_touch_all_waits_for_the_last_hold if {
	reset := {"operation": {"action": "cluster_admin", "scope": "cluster", "reads": [], "writes": [], "selector": "none"}}
	refused("steward", reset) == {"on_hold"} with data.knowledge.on_hold as ["handbook"]
	refused("steward", reset) == set()
}

test_without_the_list_nothing_is_allowed if {
	refused("employee", {}) == {"holds_missing"} with data.knowledge.on_hold as null
	refused("employee", {}) == set()
}
