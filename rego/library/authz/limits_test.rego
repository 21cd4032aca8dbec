package vecgate.authz_test

import data.vecgate.authz

limits := [
	{"records": 50, "for": ["everyone"]},
	{"records": 500, "for": ["role:analyst"]},
	{"records": "unlimited", "for": ["role:admin"]},
]

limited(value, changes) := {most | some most in [50, 500]; {"type": "limit", "max": most} in obligations} if {
	obligations := authz.obligations with input as asked(changes) with data.vecgate.limits as value
}

unlimited(value, changes) if {
	"limits_incomplete" in authz.denials with input as asked(changes) with data.vecgate.limits as value
}

test_the_widest_limit_holds if {
	limited(limits, {}) == {50}
	limited(limits, {"principal": {"roles": ["reader", "analyst"]}}) == {500}
	limited(limits, {"principal": {"roles": ["analyst", "admin"]}}) == set()
}

test_a_limit_is_for_records if limited(limits, {"operation": {"scope": "database"}}) == set()

test_whoever_has_no_limit_is_denied if {
	every value in [null, [], [limits[1]], [{"records": "50", "for": ["everyone"]}], [{"for": ["everyone"]}]] {
		unlimited(value, {})
	}
	not unlimited(limits, {})
	not unlimited([limits[2]], {"principal": {"roles": ["admin"]}})
}

test_what_has_no_records_needs_no_limit if not unlimited([], {"operation": {"scope": "database"}})
