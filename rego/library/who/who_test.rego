package vecgate.who_test

import data.vecgate.who

ana := {"roles": ["reader"], "groups": ["payroll"], "kind": "human"}

test_everyone_is_among_everyone if {
	who.among(ana, ["everyone"])
	who.among({}, ["everyone"])
}

test_a_role_is_among_its_holders if {
	who.among(ana, ["role:admin", "role:reader"])
	not who.among(ana, ["role:admin"])
}

test_a_group_is_among_its_members if {
	who.among(ana, ["group:payroll"])
	not who.among(ana, ["group:staff"])
}

test_a_kind_is_among_its_kind if {
	who.among(ana, ["kind:human"])
	not who.among(ana, ["kind:workload"])
}

test_a_role_is_no_group if {
	not who.among(ana, ["group:reader"])
	not who.among(ana, ["role:payroll"])
}

test_a_slip_is_nobody if {
	every name in ["reader", "roles:reader", "role: reader", "Role:reader", "*", ""] { not who.among(ana, [name]) }
}

test_a_role_that_looks_like_a_rule_is_only_a_role if {
	not who.among({"roles": ["everyone", "group:payroll", "role:admin"]}, ["group:payroll", "role:admin"])
}

test_nobody_is_among_nobody if not who.among(ana, [])
