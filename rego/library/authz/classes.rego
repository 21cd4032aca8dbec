package vecgate.authz

import data.vecgate.who

# METADATA
# title: Hidden classes
# description: The classes that the caller does not see.
hidden := [name |
	some name
	class := data.vecgate.classes[name]
	not _sees(class)
]

# METADATA
# title: Hidden fields
# description: |
#   What a class hides is hidden on every operation that reaches records, not only on those that return some: a count or a
#   deletion by a masked field would tell its value.
obligations contains obligation if {
	reaches_records
	some name in hidden
	some obligation in data.vecgate.classes[name].hides
}

# METADATA
# title: Classes incomplete
# description: Data without `classes`, or with a class that does not say what it hides, would hide nothing.
# custom:
#   remedy: Give each of `classes` in data.yaml a list `hides`; that nothing is to be hidden is said with `{}`.
denials contains "classes_incomplete" if not _classes_told

# METADATA
# title: Sees hidden fields
# description: Whether the caller sees a class that is hidden from others.
sees_hidden if {
	some name, class in data.vecgate.classes
	not name in hidden
	not "everyone" in class.seen_by
}

# A rule of its own: a call below `not` is undefined where its argument is, and a class without `seen_by` is seen by nobody.
_sees(class) if who.among(input.principal, class.seen_by)

_classes_told if {
	is_object(data.vecgate.classes)
	every class in data.vecgate.classes { is_array(class.hides) }
}
