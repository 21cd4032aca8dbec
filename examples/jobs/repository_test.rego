package vecgate.jobs_test

tried(action, collection) := object.union(changing(action, collection), at(day))

test_tests_build_and_drop_their_own_collections if {
	every action in ["create_collection", "upsert", "delete_records", "delete_collection"] {
		refused("ci", tried(action, "ci-shop-1742")) == set()
	}
}

test_tests_touch_no_other_repositorys_collection if {
	every name in ["ci-cart-1", "ci-shopping-1", "ci-shop", "ci-"] {
		refused("ci", tried("delete_collection", name)) == {"foreign_collection"}
	}
}

test_tests_touch_nothing_that_is_real if {
	refused("ci", tried("upsert", "catalogue")) == {"foreign_collection", "place_not_granted"}
}

test_a_token_without_a_repository_touches_nothing if {
	every claims in [{"repository": ""}, {"repository": null}, {"repository": 7}] {
		refused("ci", object.union(tried("upsert", "ci--1"), {"principal": {"claims": claims}})) != set()
	}
}
