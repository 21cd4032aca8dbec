package vecgate.authz

# METADATA
# title: Grants
# description: The caller's roles that grant the operation.
grants contains role if {
	some role in input.principal.roles
	some permission in data.vecgate.roles[role].permissions
	_holds(data.vecgate.permissions[permission])
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
	_known
	not _granted_on_some
}

# METADATA
# title: Selector not granted
# description: The action is granted, but not for records that are selected in this way.
# custom:
#   remedy: Name the records by their ids, or ask someone whose role has no such restriction.
denials contains "selector_not_granted" if {
	_granted_on_some
	count(grants) == 0
}

_known if {
	some role in input.principal.roles
	data.vecgate.roles[role]
}

_granted_on_some if {
	some role in input.principal.roles
	some permission in data.vecgate.roles[role].permissions
	input.operation.action in data.vecgate.permissions[permission].actions
}

_holds(permission) if {
	input.operation.action in permission.actions
	not permission.selectors[input.operation.action]
}

_holds(permission) if {
	input.operation.action in permission.actions
	input.operation.selector in permission.selectors[input.operation.action]
}
