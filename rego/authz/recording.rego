package vecgate.authz

# METADATA
# title: Reading
# description: Whether the operation changes nothing.
reading if {
	some permission in ["connect", "read"]
	input.operation.action in data.vecgate.permissions[permission].actions
}

# METADATA
# title: Recording of changes
# description: Whatever may change something is recorded with its request.
obligations contains {"type": "record", "level": "request"} if not reading

# METADATA
# title: Recording of unmasked access
# description: Whoever sees records as they are stored leaves the request behind.
obligations contains {"type": "record", "level": "request"} if {
	input.operation.scope == "records"
	unmasked
}
