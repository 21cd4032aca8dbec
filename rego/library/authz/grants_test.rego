package vecgate.authz_test

import data.vecgate.authz

roles := {
	"reader": {"permissions": ["read"]},
	"clerk": {"permissions": ["read", "edit"]},
	"payroll": {"permissions": ["payroll"]},
	"elsewhere": {"permissions": ["elsewhere"]},
	"empty": {"permissions": []},
	"misspelt": {"permissions": ["misspelt", "misnamed"]},
}

permissions := {
	"read": {"actions": ["search", "count"]},
	"edit": {"actions": ["delete_records"], "selectors": {"delete_records": ["ids"]}},
	"payroll": {"actions": ["search", "reset"], "collections": ["payroll", "pay-*"]},
	"misspelt": {"actions": ["search"], "collection": ["payroll"]},
	"misnamed": {"actions": ["upsert"], "selectors": {"upserts": ["ids"]}},
	"elsewhere": {"actions": ["search"], "databases": ["archive"], "namespaces": ["main/*"]},
}

granted(changes) := [grants, denials] if {
	grants := authz.grants with input as asked(changes)
		with data.vecgate.roles as roles
		with data.vecgate.permissions as permissions
	denials := authz.denials & own with input as asked(changes)
		with data.vecgate.roles as roles
		with data.vecgate.permissions as permissions
}

own := {"role_missing", "action_not_granted", "place_not_granted", "selector_not_granted"}

test_a_role_grants_the_actions_of_its_permissions if {
	granted({}) == [{"reader"}, set()]
	granted({"operation": {"action": "upsert"}}) == [set(), {"action_not_granted"}]
}

test_every_role_that_grants_is_told if {
	granted({"principal": {"roles": ["reader", "clerk", "empty"]}}) == [{"reader", "clerk"}, set()]
}

test_an_unknown_role_grants_nothing_and_takes_nothing_away if {
	granted({"principal": {"roles": ["root", "Reader", ""]}}) == [set(), {"role_missing"}]
	granted({"principal": {"roles": ["root", "reader"]}}) == [{"reader"}, set()]
	granted({"principal": {"roles": []}}) == [set(), {"role_missing"}]
}

test_a_role_without_permissions_grants_nothing if {
	granted({"principal": {"roles": ["empty"]}}) == [set(), {"action_not_granted"}]
}

test_a_selector_may_be_asked_for if {
	deleting := {"principal": {"roles": ["clerk"]}, "operation": {"action": "delete_records", "selector": "ids"}}
	granted(deleting) == [{"clerk"}, set()]
	every selector in ["filter", "all", "none"] {
		refused := object.union(deleting, {"operation": {"selector": selector}})
		granted(refused) == [set(), {"selector_not_granted"}]
	}
}

paid(action, reads, writes) := granted({
	"principal": {"roles": ["payroll"]},
	"operation": {"action": action, "reads": reads, "writes": writes},
})

test_a_permission_may_be_for_some_collections if {
	paid("search", ["payroll"], []) == [{"payroll"}, set()]
	paid("search", ["pay-2026", "payroll"], []) == [{"payroll"}, set()]
	paid("search", ["sales"], []) == [set(), {"place_not_granted"}]
	paid("search", ["payroll"], ["sales"]) == [set(), {"place_not_granted"}]
}

test_what_names_no_collection_may_touch_all if paid("reset", [], []) == [set(), {"place_not_granted"}]

test_a_restriction_that_is_misspelt_grants_nothing if {
	granted({"principal": {"roles": ["misspelt"]}, "operation": {"reads": ["payroll"]}}) == [set(), {"place_not_granted"}]
	granted({"principal": {"roles": ["misspelt"]}, "operation": {"action": "upsert"}}) == [set(), {"selector_not_granted"}]
	paid("search", ["payroll"], []) == [{"payroll"}, set()]
}

placed(changes) := granted({"principal": {"roles": ["elsewhere"]}, "operation": changes})

test_a_permission_may_be_for_some_databases_and_namespaces if {
	placed({"database": "archive"}) == [{"elsewhere"}, set()]
	placed({"database": "archive", "namespace": "other/docs"}) == [set(), {"place_not_granted"}]
	placed({"database": "archive", "namespace": null}) == [set(), {"place_not_granted"}]
	placed({"database": "kb"}) == [set(), {"place_not_granted"}]
}
