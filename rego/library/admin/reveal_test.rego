package vecgate.admin_test

import data.vecgate.admin

revealed(fields, roles) := reasons if {
	reasons := admin.denials & {"class_not_seen", "fields_unnamed"} with input as asked({
		"act": "mask_reveal",
		"principal": {"roles": roles},
		"target": {"fields": fields},
	})
		with data.vecgate.classes as {
			"personal": {"seen_by": ["role:hr"], "hides": [
				{"type": "limit", "max": 3},
				{"type": "mask", "fields": ["email", "profile.city", "profile.*"], "with": "redact"},
			]},
			"secrets": {"seen_by": [], "hides": [{"type": "mask", "fields": ["key"], "with": "drop"}]},
		}
}

test_a_field_of_no_hidden_class_is_revealed if {
	revealed(["product", "emails", "profiles", "keys.a"], ["keeper"]) == set()
	revealed(["email", "profile.city"], ["hr"]) == set()
}

test_a_field_of_a_hidden_class_is_not if {
	every field in ["email", "email.work", "profile", "profile.city", "key"] { revealed([field], ["keeper"]) == {"class_not_seen"} }
	revealed(["email", "key"], ["hr"]) == {"class_not_seen"}
}

test_what_is_revealed_must_be_said if revealed([], ["hr"]) == {"fields_unnamed"}

incomplete(classes) if {
	"classes_incomplete" in admin.denials with input as asked({"act": "mask_reveal", "target": {"fields": ["any"]}})
		with data.vecgate.classes as classes
}

test_classes_that_do_not_say_what_they_hide_reveal_nothing if {
	every classes in [null, [], {"a": {}}, {"a": {"hides": null}}, {"a": {"hides": [{"type": "mask", "field": ["any"]}]}}] {
		incomplete(classes)
	}
	not incomplete({})
	not incomplete({"a": {"hides": [{"type": "vectors", "return": false}, {"type": "mask", "fields": ["any"]}]}})
}

test_every_field_is_hidden_by_a_star if {
	"class_not_seen" in admin.denials with input as asked({"act": "mask_reveal", "target": {"fields": ["any"]}})
		with data.vecgate.classes as {"all": {"seen_by": [], "hides": [{"type": "mask", "fields": ["*"], "with": "drop"}]}}
}
