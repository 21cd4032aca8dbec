package vecgate.admin

import data.vecgate.who

# METADATA
# title: Fields unnamed
# description: Without the fields nobody can tell whose class is revealed.
# custom:
#   remedy: Name the fields whose values are to be revealed.
denials contains "fields_unnamed" if {
	input.act == "mask_reveal"
	count([field | some field in input.target.fields]) == 0
}

# METADATA
# title: Class not seen
# description: A mask is lifted only for who sees the field's class anyhow.
# custom:
#   remedy: Ask someone who sees the class, or add the role to its `seen_by` in data.yaml.
denials contains "class_not_seen" if {
	input.act == "mask_reveal"
	some class in data.vecgate.classes
	not _sees(class)
	some obligation in class.hides
	some pattern in obligation.fields
	some field in input.target.fields
	_covers(pattern, field)
}

# METADATA
# title: Classes incomplete
# description: Data without `classes`, or with a class that does not say which fields it hides, would reveal them.
# custom:
#   remedy: Give each of `classes` in data.yaml a list `hides`, and each mask in it its `fields`.
denials contains "classes_incomplete" if {
	input.act == "mask_reveal"
	not _classes_told
}

_classes_told if {
	is_object(data.vecgate.classes)
	every class in data.vecgate.classes { is_array(class.hides) }
	every class in data.vecgate.classes {
		every obligation in class.hides { _fields_told(obligation) }
	}
}

_fields_told(obligation) if is_array(obligation.fields)

_fields_told(obligation) if obligation.type in ["approval", "budget", "filter", "limit", "record", "scores", "stamp", "vectors"]

_sees(class) if who.among(input.principal, class.seen_by)

_covers("*", _)

_covers(pattern, field) if _overlap(trim_suffix(pattern, ".*"), field)

# What lies below a hidden field is hidden with it, and what holds a hidden field would show it.
_overlap(hidden, field) if hidden == field

_overlap(hidden, field) if _below(hidden, field)

_overlap(hidden, field) if _below(field, hidden)

_below(outer, inner) if {
	startswith(inner, outer)
	startswith(trim_prefix(inner, outer), ".")
}
