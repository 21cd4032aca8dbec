package vecgate.authz_test

import data.vecgate.authz

tenancy := {"claim": "tenant", "field": "owner", "exempt": ["role:operator"], "shared": ["help-*"]}

own_filter := {"type": "filter", "where": {"type": "field", "operator": "eq", "field": "owner", "value": "t1"}}

own_stamp := {"type": "stamp", "fields": {"owner": "t1"}}

kept_apart(changes) := obligations if {
	obligations := authz.obligations & {own_filter, own_stamp} with input as asked(object.union({"principal": {"claims": {"tenant": "t1"}}}, changes))
		with data.vecgate.tenancy as tenancy
}

against(value, changes) := denials if {
	denials := authz.denials with input as asked(changes) with data.vecgate.tenancy as value
}

test_a_tenant_reads_its_own_records if {
	every action in ["search", "scroll", "count", "get"] {
		kept_apart({"operation": {"action": action}}) == {own_filter}
	}
}

test_a_tenant_writes_its_own_records if {
	every action in ["upsert", "update_payload", "delete_records"] {
		kept_apart({"operation": {"action": action, "writes": ["tickets"]}}) == {own_filter, own_stamp}
	}
}

test_a_description_holds_no_records if {
	kept_apart({"operation": {"action": "describe_collection", "scope": "collection"}}) == set()
}

test_an_operator_is_not_bound if kept_apart({"principal": {"roles": ["operator"]}}) == set()

test_a_shared_collection_is_read_whole if {
	kept_apart({"operation": {"reads": ["help-en"]}}) == set()
	kept_apart({"operation": {"reads": ["help-en", "tickets"]}}) == {own_filter}
}

test_a_token_without_a_tenant_is_denied if {
	every claims in [{}, {"tenant": ""}, {"tenant": 7}, {"tenant": null}, {"tenant": ["t1", "t2"]}, {"Tenant": "t1"}] {
		"tenant_missing" in against(tenancy, {"principal": {"claims": claims}})
	}
	not "tenant_missing" in against(tenancy, {"principal": {"claims": {"tenant": "t1"}}})
	not "tenant_missing" in against(tenancy, {"principal": {"roles": ["operator"]}})
}

test_a_claim_may_lie_deeper if {
	tenant := authz.tenant with input as caller({"claims": {"org": {"id": "t9"}}})
		with data.vecgate.tenancy as object.union(tenancy, {"claim": ["org", "id"]})
	tenant == "t9"
}

test_half_a_tenancy_denies if {
	every value in [null, {}, false, "None", object.union(tenancy, {"field": 1})] {
		"tenancy_incomplete" in against(value, {})
	}
	every member in ["claim", "field", "exempt", "shared"] {
		"tenancy_incomplete" in against(object.remove(tenancy, [member]), {})
	}
	not "tenancy_incomplete" in against(tenancy, {})
}

test_no_tenancy_is_an_answer if {
	count(against("none", {}) & {"tenancy_incomplete", "tenant_missing"}) == 0
	not authz.bound with input as asked({}) with data.vecgate.tenancy as "none"
}

test_whoever_is_not_named_exempt_is_bound if {
	authz.bound with input as asked({}) with data.vecgate.tenancy as {"claim": "tenant", "field": "owner"}
}
