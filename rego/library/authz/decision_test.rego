package vecgate.authz_test

import data.vecgate.authz

limit := {"type": "limit", "max": 5}

decided(grants, denials, changes) := decision if {
	decision := authz.decision with authz.grants as grants
		with authz.denials as denials
		with authz.obligations as {limit}
		with data.vecgate.cache as {"ttl": "30s"}
		with input as operation(changes)
}

test_what_is_granted_and_not_denied_is_allowed_with_its_obligations if {
	decided({"reader"}, set(), {}) == {"allow": true, "obligations": {limit}, "cache": {"ttl": "30s"}}
}

test_a_write_is_not_cached if {
	decided({"writer"}, set(), {"action": "upsert"}) == {"allow": true, "obligations": {limit}}
}

test_without_cache_in_the_data_nothing_is_cached if {
	decision := authz.decision with authz.grants as {"reader"}
		with authz.denials as set()
		with authz.obligations as set()
		with data.vecgate.cache as false
		with input as asked({})
	decision.allow
	not decision.cache
}

test_what_is_not_granted_is_denied if {
	decided(set(), {"role_missing"}, {}) == {"allow": false, "reasons": {"role_missing"}}
	decided(set(), set(), {}) == {"allow": false, "reasons": set()}
}

test_a_denial_wins_over_a_grant if {
	decided({"reader"}, {"frozen"}, {}) == {"allow": false, "reasons": {"frozen"}}
}

test_no_input_is_denied if {
	decision := authz.decision with input as {}
	not decision.allow
	"role_missing" in decision.reasons
}
