package vecgate.authz

# METADATA
# title: Narrowed records
# description: |
#   The obligations of data.yaml hold for every operation on records, not only for those that return some: a count or a
#   deletion by a masked field would tell its value.
obligations contains obligation if {
	input.operation.scope == "records"
	not unmasked
	some obligation in data.vecgate.obligations
}

# METADATA
# title: Obligations missing
# description: A data.yaml without obligations would mask nothing; that nothing is to be masked is said with an empty list.
# custom:
#   remedy: Put `obligations` into data.yaml, as a list.
denials contains "obligations_missing" if not is_array(data.vecgate.obligations)

# METADATA
# title: Unmasked
# description: Whether the caller sees records as they are stored.
unmasked if {
	some role in input.principal.roles
	role in data.vecgate.unmasked_roles
}
