package vecgate.authz_test

import data.vecgate.authz

# A caller with `roles` who asks for `action` on records that are chosen by `selector`.
asked(roles, action, scope, selector) := {
	"principal": {"roles": roles},
	"operation": {"action": action, "scope": scope, "selector": selector},
}

test_no_input_is_denied if {
	authz.decision == {"allow": false, "reasons": {"role_missing"}} with input as {}
}

test_a_caller_without_roles_is_denied if {
	decision := authz.decision with input as asked([], "search", "records", "all")
	decision == {"allow": false, "reasons": {"role_missing"}}
}

test_an_allowed_read_is_cached if {
	decision := authz.decision with input as asked(["reader"], "search", "records", "all")
	decision.allow
	decision.cache == {"ttl": "30s"}
}

test_an_allowed_write_is_not_cached if {
	decision := authz.decision with input as asked(["writer"], "upsert", "records", "ids")
	decision.allow
	not decision.cache
}

test_a_denial_is_neither_cached_nor_obliged if {
	decision := authz.decision with input as asked(["reader"], "upsert", "records", "ids")
	decision == {"allow": false, "reasons": {"action_not_granted"}}
}

test_a_denial_wins_over_a_grant if {
	allowed := authz.allow with input as asked(["reader"], "search", "records", "all")
	allowed
	denied := authz.allow with input as asked(["reader"], "search", "records", "all") with authz.denials as {"frozen"}
	not denied
}
