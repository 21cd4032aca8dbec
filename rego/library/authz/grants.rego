package vecgate.authz

# METADATA
# title: Grants
# description: The caller's roles that grant the operation.
grants contains role if {
	some role in input.principal.roles
	some name in data.vecgate.roles[role].permissions
	permission := data.vecgate.permissions[name]
	_holds(permission)
}

# METADATA
# title: Role missing
# description: None of the caller's roles is known here.
# custom:
#   remedy: Give the caller one of the roles in data.yaml at the identity provider.
denials contains "role_missing" if not _known

# METADATA
# title: Action not granted
# description: The caller's roles do not grant the action, on whatever records.
# custom:
#   remedy: Give the caller another role, or add the action to a permission in data.yaml.
denials contains "action_not_granted" if {
	count(grants) == 0
	_known
	not _granted_somewhere
}

# METADATA
# title: Place not granted
# description: The action is granted, but not on this collection, in this namespace or in this database.
# custom:
#   remedy: Name a collection that the role covers, or widen the permission's `collections`, `namespaces` or `databases`.
denials contains "place_not_granted" if {
	count(grants) == 0
	_granted_somewhere
	not _granted_here
}

# METADATA
# title: Selector not granted
# description: The action is granted, but not for records that are selected in this way.
# custom:
#   remedy: Name the records by their ids, or ask someone whose role has no such restriction.
denials contains "selector_not_granted" if {
	count(grants) == 0
	_granted_here
}

_known if {
	some role in input.principal.roles
	data.vecgate.roles[role]
}

_granted_somewhere if {
	some role in input.principal.roles
	some name in data.vecgate.roles[role].permissions
	input.operation.action in data.vecgate.permissions[name].actions
}

_granted_here if {
	some role in input.principal.roles
	some name in data.vecgate.roles[role].permissions
	permission := data.vecgate.permissions[name]
	input.operation.action in permission.actions
	_here(permission)
}

_holds(permission) if {
	input.operation.action in permission.actions
	_here(permission)
	_selected(permission)
}

# A member that is unknown may be a restriction, misspelt, so with one nothing is granted.
_here(permission) if {
	count(object.remove(permission, ["actions", "selectors"])) == 0
} else if {
	count(object.remove(permission, ["actions", "selectors", "collections", "databases", "namespaces"])) == 0
	_within(permission, "collections", touched)
	_within(permission, "databases", [input.operation.database])
	_within(permission, "namespaces", [name | name := input.operation.namespace; name != null])
}

# A permission that lists places holds only for what names places, and only such: what names none may touch all.
_within(permission, places, _) if not places in object.keys(permission)

_within(permission, places, names) if {
	count(names) > 0
	every name in names { named(name, permission[places]) }
}

# Selectors of an action that the permission has not are another's, misspelt.
_selected(permission) if {
	selectors := object.get(permission, "selectors", {})
	count(object.remove(selectors, permission.actions)) == 0
	_fits(selectors)
}

_fits(selectors) if not input.operation.action in object.keys(selectors)

_fits(selectors) if input.operation.selector in selectors[input.operation.action]
